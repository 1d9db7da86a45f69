"""A certificate authority of a test's own, as a company has one."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
# What makes a certificate that of an authority.
_AUTHORITY = (
    x509.BasicConstraints(ca=True, path_length=0),
    x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    ),
)


@dataclass(frozen=True)
class Certificate:
    """What a server shows, and the key by which it proves it; both PEM."""

    chain: str
    key: str


class Authority:
    """An authority that nobody knows who was not told of it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Authority of a test")

    @cached_property
    def pem(self) -> str:
        """The certificate by which the authority is trusted."""
        return self._signed(self._name, self._key, *_AUTHORITY)

    def certificate(self, *hosts: str) -> Certificate:
        """Certify a server under names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        plain = serialization.NoEncryption()
        encoded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
        )
        chain = self._signed(_name("Server of a test"), key, alternatives)
        return Certificate(chain, encoded.decode())

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> str:
        now = dt.datetime.now(dt.UTC)
        # Without them a certificate is not what RFC 5280 asks for, and Python refuses it.
        subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
        )
        for extension in (subject, issuer, *extensions):
            builder = builder.add_extension(extension, critical=extension in _AUTHORITY)
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
