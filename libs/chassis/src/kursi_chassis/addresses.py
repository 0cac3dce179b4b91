"""Network addresses as settings spell them: `host:port`, several separated by commas."""


def host_and_port(address: str) -> tuple[str, int]:
    """Take `host:port` or `[v6]:port` apart. Raises: ValueError for anything else."""
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        message = f"{address!r} is not host:port"
        raise ValueError(message)
    return host.strip("[]"), int(port)


def grpc_target(addresses: str) -> str:
    """The name under which gRPC finds these addresses.

    IP addresses become one list, a host name is resolved again and again so that new replicas are found.
    Raises: ValueError for something that is not host:port, or for several host names.
    """
    parts = [part.strip() for part in addresses.split(",")]
    hosts = [host_and_port(part)[0] for part in parts]
    if all(host.replace(".", "").isdecimal() for host in hosts):
        return "ipv4:" + ",".join(parts)
    if all(":" in host for host in hosts):
        return "ipv6:" + ",".join(parts)
    if len(parts) == 1:
        return f"dns:///{parts[0]}"
    message = f"{addresses!r}: several addresses must all be IP addresses of one family"
    raise ValueError(message)
