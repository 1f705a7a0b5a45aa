"""The settings of the transaction coordinator, under Kafka's names."""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.log.broker.settings import BrokerSettings

__all__ = ["TransactionConfig"]


@dataclass(frozen=True, slots=True)
class TransactionConfig:
    """What a coordinator allows and how long it waits.

    Attributes:
        max_timeout_ms: the longest transaction timeout that a producer may ask for.
        id_expiration_ms: how long a transactional id without a transaction is remembered.
        abort_check_interval_ms: how often transactions that are open for too long are looked for.
        expiration_check_interval_ms: how often expired ids are looked for.
        log_partitions: partitions of `__transaction_state`.
    """

    max_timeout_ms: int = 900_000
    id_expiration_ms: int = 604_800_000
    abort_check_interval_ms: int = 10_000
    expiration_check_interval_ms: int = 3_600_000
    log_partitions: int = 50

    @classmethod
    def from_settings(cls, settings: BrokerSettings) -> TransactionConfig:
        """The configuration that a broker's settings describe."""
        return cls(
            max_timeout_ms=settings.transaction_max_timeout_ms,
            id_expiration_ms=settings.transactional_id_expiration_ms,
            abort_check_interval_ms=(
                settings.transaction_abort_timed_out_transaction_cleanup_interval_ms
            ),
            expiration_check_interval_ms=(
                settings.transaction_remove_expired_transaction_cleanup_interval_ms
            ),
            log_partitions=settings.transaction_state_log_num_partitions,
        )
