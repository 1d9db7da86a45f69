# The product: the API server, the operator, its sources, and the host of session pods; the command says which. Build it
# from the root of the repository.
FROM debian:trixie-slim AS uv
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates python3-venv >/dev/null
# The bundle is there only where the builder's machine trusts authorities of its own, and no later stage has it; the
# licence is there so that something always is.
COPY LICENSE ca-certificates.cr[t] /build/
WORKDIR /build
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
RUN if [ -e ca-certificates.crt ]; then cp ca-certificates.crt "$SSL_CERT_FILE"; fi \
 && python3 -m venv /uv && /uv/bin/pip install -q --no-cache-dir uv==0.13.9

# Apart, so that a change of pyproject.toml that changes no dependency installs nothing anew.
FROM uv AS lock
COPY pyproject.toml uv.lock ./
RUN /uv/bin/uv export -q --no-cache --locked --no-dev --extra api --extra operator --extra sources --no-emit-project -o requirements.txt

FROM uv AS builder
# mysqlclient comes as source.
RUN apt-get install -y -qq --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config python3-dev >/dev/null
COPY --from=lock /build/requirements.txt ./
# A folder on PYTHONPATH instead of a venv: nothing in it runs when Python starts, so the host, which needs none of it,
# starts as fast as Python does. Of the Kubernetes client one half is used, the synchronous one.
RUN /uv/bin/uv pip sync -q --no-cache --require-hashes --target /opt/raworc/libraries requirements.txt \
 && cd /opt/raworc/libraries \
 && rm -r bin kubernetes/aio \
 && find . -depth \( -name tests -o -name '*.pth' -o -name '*.pyi' -o -name '*.[ch]' -o -name '*.px[di]' -o -name '*.pyx' \) -exec rm -rf {} + \
 && python3 -m compileall -q -j 0 .

FROM debian:trixie-slim
# git brings a whole perl, of which cloning and serving need nothing. A user without a name is one that some libraries
# refuse to be.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates git libmariadb3 python3 >/dev/null \
 && dpkg --purge --force-depends perl perl-modules-5.40 libperl5.40 liberror-perl git-man >/dev/null 2>&1 \
 && rm -rf /usr/share/perl* \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* \
 && ln -s python3 /usr/bin/python \
 && echo 'raworc:x:10001:10001::/tmp:/usr/sbin/nologin' >>/etc/passwd \
 && echo 'raworc-host:x:10002:10002::/tmp:/usr/sbin/nologin' >>/etc/passwd
ENV PATH=/usr/bin:/bin PYTHONPATH=/opt/raworc/packages:/opt/raworc/libraries PYTHONUNBUFFERED=1 HOME=/tmp
COPY --from=builder /opt/raworc/libraries /opt/raworc/libraries
COPY crds/raworc_crds /opt/raworc/packages/raworc_crds
COPY kube/raworc_kube /opt/raworc/packages/raworc_kube
COPY sources/raworc_sources /opt/raworc/packages/raworc_sources
COPY operator/raworc_operator /opt/raworc/packages/raworc_operator
COPY apiserver/raworc_api /opt/raworc/packages/raworc_api
COPY agent/raworc_host /opt/raworc/packages/raworc_host
COPY agent/raworc_runner /opt/raworc/packages/raworc_runner
RUN python -m compileall -q /opt/raworc/packages
USER 10001:10001
WORKDIR /tmp
