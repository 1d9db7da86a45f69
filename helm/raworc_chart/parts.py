"""The values of the parts that the chart runs: API server, operator, MySQL, registry."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .wire import Image, Name, NodePort, Port, Quantity, Resources, Values, Words, resources


class ServiceAccount(Values):
    """The account of one part."""

    create: bool = Field(default=True, description="whether the chart makes the account")
    name: Name = Field("", description="its name; empty: the part's own name")
    annotations: Words = Field({}, description="annotations of the account")


class Service(Values):
    """How the API server is reached."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP", description="kind of the service: ClusterIP, NodePort or LoadBalancer"
    )
    port: Port = Field(80, description="port of the service")
    node_port: Literal[0] | NodePort = Field(
        0, description="port on every node; 0: Kubernetes chooses one"
    )
    annotations: Words = Field({}, description="annotations of the service")


class AuthoritiesReference(Values):
    """One key of a Secret with certificates of authorities."""

    name: Name = Field("", description="name of the Secret; empty: the one of secretName")
    key: Annotated[str, StringConstraints(pattern=r"^[-._A-Za-z0-9]+$", max_length=253)] = Field(
        "ca.crt", description="key in the Secret"
    )


class HostsTls(Values):
    """TLS of the port that the hosts in session pods use."""

    secret_name: Name = Field(
        "",
        description=(
            "name of a Secret (kubernetes.io/tls) with the certificate for the service api-hosts;"
            " empty: hosts speak plain HTTP"
        ),
    )
    authorities_secret_ref: AuthoritiesReference = Field(
        AuthoritiesReference(), description="the Secret with the authorities that hosts trust"
    )


class Hosts(Values):
    """The port that the hosts in session pods use."""

    tls: HostsTls = Field(HostsTls(), description="its TLS")


class DisruptionBudget(Values):
    """What a drain of nodes may do to the API server."""

    enabled: bool = Field(
        default=True, description="whether a drain may stop only one replica at a time"
    )


class Api(Values):
    """The API server."""

    replicas: Annotated[int, Field(ge=1, le=100)] = Field(2, description="how many run")
    token_seconds: Annotated[int, Field(ge=60, le=86_400)] = Field(
        900, description="how long an access token lasts; logins are refreshed"
    )
    resources: Resources = Field(
        resources(("100m", "192Mi"), ("1", "768Mi")), description="what each replica may use"
    )
    service: Service = Field(Service(), description="how it is reached in the cluster")
    hosts: Hosts = Field(Hosts(), description="the port for the hosts in session pods")
    service_account: ServiceAccount = Field(ServiceAccount(), description="its account")
    pod_disruption_budget: DisruptionBudget = Field(
        DisruptionBudget(), description="its availability while nodes are drained"
    )


class Operator(Values):
    """The operator."""

    resources: Resources = Field(
        resources(("50m", "128Mi"), ("1", "512Mi")), description="what it may use"
    )
    service_account: ServiceAccount = Field(ServiceAccount(), description="its account")


class Sessions(Values):
    """Sessions."""

    resources: Resources = Field(
        resources(("5m", "32Mi"), ("1", "512Mi")),
        description=(
            "what the agents of a session may use, where neither the session nor its Space says;"
            " an idle session needs little"
        ),
    )


class Sources(Values):
    """The container beside the operator that asks Git and registries."""

    resources: Resources = Field(
        # At most ten looks at once, of which git may take 96 MiB each.
        resources(("20m", "96Mi"), ("1", "1Gi")),
        description="what it may use",
    )


class Storage(Values):
    """A volume."""

    size: Quantity = Field(description="size of the volume")
    class_name: Name = Field("", description="storage class; empty: the cluster's default")


class Mysql(Values):
    """The bundled MySQL: one instance, for trials and small installations."""

    enabled: bool = Field(default=True, description="whether it runs; else set externalDatabase")
    image: Image = Field(Image(repository="mysql", tag="9.7.1"), description="its image")
    existing_secret: Name = Field(
        "",
        description=(
            "name of a Secret with the keys root-password and password; empty: the chart makes one"
        ),
    )
    buffer_pool_size: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[MG]$")] = Field(
        "128M", description="memory of InnoDB's buffer pool"
    )
    storage: Storage = Field(Storage(size="8Gi"), description="its volume")
    resources: Resources = Field(
        resources(("100m", "384Mi"), ("2", "1Gi")), description="what it may use"
    )


class Registry(Values):
    """The bundled image registry: one account pushes, another one pulls."""

    enabled: bool = Field(default=True, description="whether it runs; else set externalRegistry")
    image: Image = Field(Image(repository="registry", tag="3.1.2"), description="its image")
    node_port: NodePort = Field(
        30_500, description="port on every node, by which the nodes pull as localhost:nodePort"
    )
    storage: Storage = Field(Storage(size="20Gi"), description="its volume")
    resources: Resources = Field(
        resources(("20m", "64Mi"), ("1", "512Mi")), description="what it may use"
    )
