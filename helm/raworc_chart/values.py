"""Every value of the chart, with its type, default and description."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from .networks import Networks, Openings
from .parts import Api, Mysql, Operator, Registry, Sessions, Sources
from .wire import Image, Name, Port, Quantity, Text, Values, Words

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]*$", max_length=253)]
Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:/_-]*$", max_length=255)]
# An address with a tag, a digest or both.
ImageReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:/@_-]*$", max_length=512)]


class ProductImage(Values):
    """The image that every part of Raworc runs, each with its own command."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        "raworc/raworc", description="the image, with its registry where it is not the default one"
    )
    tag: Annotated[str, StringConstraints(pattern=r"^([\w][\w.@:-]{0,200})?$")] = Field(
        "", description="tag, or tag@digest; empty: the chart's appVersion"
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="when nodes pull images: Always, IfNotPresent or Never"
    )


class LocalReference(Values):
    """A Secret of the release's namespace."""

    name: Name = Field(description="name of the Secret")


class Toleration(Values):
    """A taint that pods tolerate."""

    key: Text | None = Field(None, description="key of the taint")
    operator: Literal["Exists", "Equal"] | None = Field(None, description="how value is compared")
    value: Text | None = Field(None, description="value of the taint")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="effect of the taint"
    )
    toleration_seconds: int | None = Field(None, description="how long NoExecute is tolerated")


class Rbac(Values):
    """The roles of the parts."""

    create: bool = Field(
        default=True, description="whether the chart makes the roles and their bindings"
    )


class NetworkPolicies(Values):
    """Who may reach the parts."""

    enabled: bool = Field(
        default=True,
        description=(
            "whether the parts reach, and are reached by, only those that need it; the namespaces"
            " of spaces are always closed that way"
        ),
    )


class AdmissionPolicy(Values):
    """What the Kubernetes API refuses the operator, whatever its role says."""

    enabled: bool = Field(
        default=True,
        description=(
            "whether the operator's account may write only in the namespaces of spaces; needs"
            " the right to make a ValidatingAdmissionPolicy"
        ),
    )


class Generated(Values):
    """A Secret that the chart makes once and keeps."""

    existing_secret: Name = Field(
        "", description="name of a Secret to use instead; empty: the chart makes one"
    )


class Tls(Values):
    """TLS of the Ingress."""

    enabled: bool = Field(default=False, description="whether the Ingress answers HTTPS")
    secret_name: Name = Field(
        "", description="name of the Secret with the certificate; empty: the controller's own"
    )


class Ingress(Values):
    """The way in from outside."""

    enabled: bool = Field(default=False, description="whether there is an Ingress")
    class_name: Name = Field("", description="class of the Ingress; empty: the cluster's default")
    host: Host = Field("", description="name under which clients reach the API; needed")
    annotations: Words = Field(
        {},
        description=(
            "annotations for the controller; it must pass bodies of 2 MiB, and events as they come"
        ),
    )
    tls: Tls = Field(Tls(), description="TLS of the Ingress")


class SecretKeyReference(Values):
    """One key of a Secret of the release's namespace."""

    name: Name = Field("", description="name of the Secret")
    key: Annotated[str, StringConstraints(pattern=r"^[-._A-Za-z0-9]+$", max_length=253)] = Field(
        "password", description="key in the Secret"
    )


class AuthoritiesReference(SecretKeyReference):
    """One key of a Secret, with certificates (PEM) in it."""

    key: Annotated[str, StringConstraints(pattern=r"^[-._A-Za-z0-9]+$", max_length=253)] = Field(
        "ca.crt", description="key in the Secret"
    )


class DatabaseTls(Values):
    """TLS to a MySQL that the chart does not run; its certificate is always verified."""

    enabled: bool = Field(
        default=False,
        description="whether the API server speaks to it over TLS only, and verifies it",
    )
    authorities_secret_ref: AuthoritiesReference = Field(
        AuthoritiesReference(),
        description="the Secret with the authorities it is verified by; none: the usual ones",
    )
    client_secret: Name = Field(
        "",
        description=(
            "name of a Secret (kubernetes.io/tls) with the certificate that the API server shows;"
            " empty: none"
        ),
    )


class ExternalDatabase(Values):
    """A MySQL that the chart does not run."""

    host: Host = Field("", description="where it answers; needed when mysql.enabled is false")
    port: Port = Field(3_306, description="its port")
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        "raworc", description="its database, which must be there"
    )
    user: Annotated[str, StringConstraints(min_length=1, max_length=32)] = Field(
        "raworc", description="who logs in; may create and alter tables of that database"
    )
    password_secret_ref: SecretKeyReference = Field(
        SecretKeyReference(), description="the Secret with the password"
    )
    tls: DatabaseTls = Field(DatabaseTls(), description="TLS to it")


class ExternalRegistry(Values):
    """An image registry that the chart does not run."""

    push_address: Address = Field(
        "",
        description="where builds push, host[:port][/path]; needed when registry.enabled is false",
    )
    pull_address: Address = Field("", description="where nodes pull; empty: as pushAddress")
    push_secret: Name = Field(
        "",
        description=(
            "name of a Secret (kubernetes.io/dockerconfigjson) with the account that may push to"
            " pushAddress, read and delete there; empty: none is needed"
        ),
    )
    pull_secret: Name = Field(
        "",
        description=(
            "name of a Secret (kubernetes.io/dockerconfigjson) with the account that nodes pull the"
            " pods of spaces with; it should not be able to push; empty: none is needed"
        ),
    )
    insecure: bool = Field(default=False, description="whether it is asked without TLS")


class ConfigMapKeyReference(Values):
    """One key of a ConfigMap of the release's namespace."""

    name: Name = Field("", description="name of the ConfigMap")
    key: Annotated[str, StringConstraints(pattern=r"^[-._A-Za-z0-9]+$", max_length=253)] = Field(
        "ca.crt", description="key in the ConfigMap"
    )


class Builds(Values):
    """How spaces are built."""

    base_image: ImageReference = Field(
        "",
        description=(
            "image that agents are built on, by tag or digest, below pushAddress or a full"
            " reference; empty: raworc/agent with the tag of image"
        ),
    )
    node_image: ImageReference = Field(
        "",
        description=(
            "the same with Node.js, for spaces with agents in it; empty: raworc/agent-node with the"
            " tag of image"
        ),
    )
    rust_image: ImageReference = Field(
        "",
        description=(
            "image that agents in Rust are compiled in; empty: raworc/agent-rust with the tag of"
            " image"
        ),
    )
    kaniko_image: Image = Field(
        Image(repository="martizih/kaniko", tag="v1.27.0"),
        description="image of the builder",
    )
    keep_images: Annotated[int, Field(ge=0, le=1_000)] = Field(
        3,
        description="how many images of a space stay beside its last two and those that pods run",
    )
    disk: Quantity = Field(
        "10Gi",
        description=("what a build may write on its node's disk; the base image is unpacked there"),
    )
    ca_bundle: Annotated[
        str, StringConstraints(pattern=r"^$|-----BEGIN CERTIFICATE-----", max_length=500_000)
    ] = Field(
        "",
        description=(
            "certificates (PEM) of all the authorities that builds, git and the operator's requests"
            " to registries trust, in place of the usual ones"
        ),
    )
    ca_bundle_config_map_ref: ConfigMapKeyReference = Field(
        ConfigMapKeyReference(),
        description="a ConfigMap that holds them; restart the operator when it changes",
    )
    internal_git_hosts: Annotated[list[Host], Field(max_length=64)] = Field(
        [],
        description=(
            "hosts of Git repositories that may have private addresses; let builds reach them by"
            " builds.egress"
        ),
    )
    internet: bool = Field(default=True, description="whether builds reach the public internet")
    egress: Openings = Field(
        [],
        description=(
            "what builds reach besides, such as Git servers, registries and package indexes with"
            " private addresses: {cidr or namespace, ports}"
        ),
    )


class ChartValues(Values):
    """The values of the chart."""

    name_override: Annotated[Name, Field(max_length=40)] = Field(
        "", description="name of the chart in labels"
    )
    fullname_override: Annotated[Name, Field(max_length=40)] = Field(
        "", description="start of every object's name; empty: the release's name"
    )
    namespace_prefix: Annotated[
        str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?-$", max_length=23)
    ] = Field("raworc-", description="start of the namespaces of spaces, before the space's name")
    image: ProductImage = Field(
        ProductImage(), description="the image of all parts, of session hosts and of checkouts"
    )
    image_pull_secrets: Annotated[list[LocalReference], Field(max_length=16)] = Field(
        [], description="Secrets with which the nodes pull the parts' images"
    )
    node_selector: Words = Field({}, description="labels of the nodes on which the parts run")
    tolerations: Annotated[list[Toleration], Field(max_length=16)] = Field(
        [], description="taints that the parts tolerate"
    )
    api: Api = Field(Api(), description="the API server")
    operator: Operator = Field(Operator(), description="the operator")
    sources: Sources = Field(
        Sources(), description="the container beside the operator that asks Git and registries"
    )
    builds: Builds = Field(Builds(), description="how spaces are built")
    ingress: Ingress = Field(Ingress(), description="the way in from outside")
    sessions: Sessions = Field(Sessions(), description="sessions")
    networks: Networks = Field(
        Networks(), description="what sessions, builds and the parts may reach"
    )
    admin: Generated = Field(
        Generated(), description="password of the first account, admin (key password)"
    )
    jwt: Generated = Field(
        Generated(),
        description="keys that sign logins: each key of the Secret is a key id, the last one signs",
    )
    mysql: Mysql = Field(Mysql(), description="the bundled MySQL, one instance")
    external_database: ExternalDatabase = Field(
        ExternalDatabase(), description="a MySQL that the chart does not run"
    )
    registry: Registry = Field(
        Registry(),
        description="the bundled image registry, with an account that pushes and one that pulls",
    )
    external_registry: ExternalRegistry = Field(
        ExternalRegistry(),
        description="an image registry that the chart does not run",
    )
    rbac: Rbac = Field(Rbac(), description="the roles of the parts")
    network_policies: NetworkPolicies = Field(
        NetworkPolicies(), description="who may reach the parts"
    )
    admission_policy: AdmissionPolicy = Field(
        AdmissionPolicy(), description="what the Kubernetes API refuses the operator"
    )
    shared: dict[str, Any] = Field(
        {}, alias="global", description="what a chart above this one shares; not read here"
    )
