"""Random topologies on Kafka Streams 4.3.0 and on ours: the same records at every step, the same stores.

Half of them lead through all ordered pairs of operators with state, by a schedule; hypothesis makes the others. What
was covered is printed at the end, and has to be complete. `ORACLE_SEED` and `ORACLE_EXAMPLES` widen the search; a
difference is made small and printed as nodes and inputs for `test_oracle_findings.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from oracle_cases import differences, report, smaller
from oracle_coverage import Coverage, chains
from oracle_operators import STATEFUL
from random_topologies import Case, HypothesisChoices, RandomChoices, chain_case, free_case
from streams_oracle import StreamsOracle

SEED = int(os.environ.get("ORACLE_SEED", "1"))
EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "100"))
CHAIN = 5
MOST_ROUNDS = 12
LEAST_USES = 20
LEAST_RESULTS = 5
MOST_MORE = 200

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def oracle() -> Iterator[StreamsOracle]:
    with StreamsOracle() as running:
        yield running


@pytest.fixture(autouse=True, scope="module")
def _quiet_about_names_and_retentions() -> Iterator[None]:
    loggers = [logging.getLogger(f"streamkit.{name}") for name in ("topology.naming", "dsl")]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    yield
    for logger in loggers:
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    return Coverage()


@st.composite
def free_cases(draw: st.DrawFn) -> Case:
    return free_case(HypothesisChoices(draw))


@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=free_cases())
def test_random_topology_gives_the_records_of_kafka_streams(
    oracle: StreamsOracle, coverage: Coverage, case: Case
) -> None:
    check(oracle, coverage, case)


def test_every_pair_of_stateful_operators_gives_the_records_of_kafka_streams(
    oracle: StreamsOracle, coverage: Coverage
) -> None:
    """Chains through all ordered pairs; pairs that no record went through are tried again."""
    for chain in chains(STATEFUL, CHAIN):
        run_chain(oracle, coverage, chain, 0)
    for number in range(1, MOST_ROUNDS):
        for pair in coverage.missing_pairs():
            if not coverage.pairs[pair]:
                run_chain(oracle, coverage, list(pair), number)
    assert coverage.missing_pairs() == []


def test_every_operator_is_judged_often_enough(
    oracle: StreamsOracle, coverage: Coverage, record_property: Callable[[str, object], None]
) -> None:
    """Runs last, with a few topologies more if need be: the table of what was covered, for the end of the run."""
    if not coverage.pairs or coverage.missing_pairs():
        pytest.skip("needs the tests above, passed, in the same run")
    for number in range(MOST_MORE):
        if not coverage.rare(LEAST_USES, LEAST_RESULTS):
            break
        check(oracle, coverage, free_case(RandomChoices(f"{SEED} more {number}")))
    record_property("oracle", f"seed {SEED}: {coverage.table()}")
    assert coverage.rare(LEAST_USES, LEAST_RESULTS) == {}


def run_chain(oracle: StreamsOracle, coverage: Coverage, chain: list[str], number: int) -> None:
    choices = RandomChoices(f"{SEED} {number} {' '.join(chain)}")
    check(oracle, coverage, chain_case(choices, chain))


def check(oracle: StreamsOracle, coverage: Coverage, case: Case) -> None:
    """Fails with a short report."""
    answered, lines = differences(oracle, case)
    coverage.count(case["nodes"], case["inputs"], answered)
    if not lines:
        return

    def still_fails(candidate: Case) -> bool:
        found, different = differences(oracle, candidate)
        return bool(different) and ("error" in found) == ("error" in answered)

    small = smaller(case, still_fails)
    pytest.fail(f"seed {SEED}\n{report(small, differences(oracle, small)[1])}", pytrace=False)
