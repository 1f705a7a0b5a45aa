"""The broker: Kafka's protocol over a socket, on one node.

`Broker` is state and services without sockets; `handlers/` answer requests on it, one file an API;
`connection` and `server` put it on the network.
"""

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.server import AddressInUseError, BrokerServer, new_event_loop, serve
from streamkit.log.broker.settings import BROKER_SETTINGS, BrokerSettings

__all__ = [
    "BROKER_SETTINGS",
    "AddressInUseError",
    "Broker",
    "BrokerServer",
    "BrokerSettings",
    "RequestContext",
    "new_event_loop",
    "serve",
]
