"""Transactions: transactional ids, their producers and the ends of their transactions.

`coordinator` (with `records`) is pure; `service` ties it to a broker: it writes `__transaction_state`, and the
markers to the partitions.
"""

from streamkit.log.broker.transactions.config import TransactionConfig
from streamkit.log.broker.transactions.coordinator import TransactionCoordinator
from streamkit.log.broker.transactions.outcome import Outcome, Producer, ProducerReply
from streamkit.log.broker.transactions.records import (
    TRANSACTIONS_TOPIC,
    Transaction,
    TransactionRecord,
    TransactionState,
)
from streamkit.log.broker.transactions.service import TransactionService
from streamkit.log.broker.transactions.steps import OnStep, TransactionStep

__all__ = [
    "TRANSACTIONS_TOPIC",
    "OnStep",
    "Outcome",
    "Producer",
    "ProducerReply",
    "Transaction",
    "TransactionConfig",
    "TransactionCoordinator",
    "TransactionRecord",
    "TransactionService",
    "TransactionState",
    "TransactionStep",
]
