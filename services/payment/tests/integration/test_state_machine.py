"""A transition outside the graph is impossible, whoever writes (Y3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kursi_chassis.errors import DomainError
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money
from kursi_payment.domain.errors import Contradiction, IllegalTransition
from kursi_payment.domain.payment import TRANSITIONS, Payment, Purpose, State
from kursi_payment.domain.standing import Standing, Statement, follow
from kursi_payment.ports import RequestKey
from kursi_payment.store.work import SqlWork

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
NOTHING = Money("SAR", 0)
FROM_CREATED = {
    State.CREATED: (),
    State.PENDING_ACTION: (State.PENDING_ACTION,),
    State.AUTHORIZED: (State.AUTHORIZED,),
    State.CAPTURED: (State.CAPTURED,),
    State.PARTIALLY_REFUNDED: (State.CAPTURED, State.PARTIALLY_REFUNDED),
    State.REFUNDED: (State.CAPTURED, State.REFUNDED),
    State.FAILED: (State.FAILED,),
    State.VOIDED: (State.AUTHORIZED, State.VOIDED),
    State.EXPIRED: (State.PENDING_ACTION, State.EXPIRED),
}
AMOUNTS = {
    State.AUTHORIZED: (100, 0, 0),
    State.VOIDED: (100, 0, 0),
    State.CAPTURED: (100, 100, 0),
    State.PARTIALLY_REFUNDED: (100, 100, 40),
    State.REFUNDED: (100, 100, 100),
}
STEPS = {
    State.PENDING_ACTION: lambda payment: payment.awaiting_customer("https://bank.test", NOW),
    State.AUTHORIZED: lambda payment: payment.reserved(NOW),
    State.CAPTURED: lambda payment: payment.taken(Money("SAR", 100), NOW),
    State.PARTIALLY_REFUNDED: lambda payment: payment.given_back(Money("SAR", 40), NOW),
    State.REFUNDED: lambda payment: payment.given_back(payment.refundable, NOW),
    State.FAILED: lambda payment: payment.refused("DECLINED", NOW),
    State.VOIDED: lambda payment: payment.given_up(NOW),
    State.EXPIRED: lambda payment: payment.expired(NOW),
}


def draft(**changes):
    usual = Payment(
        id=new_id(), booking_id=new_id(), salon_id=new_id(), customer_id=new_id(), purpose=Purpose.DEPOSIT,
        state=State.CREATED, amount=Money("SAR", 100), authorized=NOTHING, captured=NOTHING, refunded=NOTHING,
        refunding=NOTHING, authorize_only=False, provider="moyasar", handle=uuid4(), created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return replace(usual, **changes)


@pytest_asyncio.fixture(scope="module")
async def connection(databases):
    with databases.borrow("payment") as urls:
        connection = await psycopg.AsyncConnection.connect(urls.app, autocommit=True)
        yield connection
        await connection.close()


async def stored(connection, payment):
    key = RequestKey("user:1", "CreatePayment", str(payment.id), b"")
    await SqlWork(connection).add_payment(payment, key, NOW)
    return payment


async def write(connection, payment_id, state):
    authorized, captured, refunded = AMOUNTS.get(state, (0, 0, 0))
    await connection.execute(
        "UPDATE payments SET state = %s, authorized_minor = %s, captured_minor = %s, refunded_minor = %s, "
        "revision = revision + 1 WHERE id = %s",
        [state, authorized, captured, refunded, payment_id],
    )


@pytest.mark.covers("Y3")
@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
async def test_the_database_allows_exactly_the_graph(connection, before, after):
    payment = await stored(connection, draft())
    for state in FROM_CREATED[before]:
        await write(connection, payment.id, state)

    try:
        await write(connection, payment.id, after)
        refused_by = None
    except psycopg.errors.CheckViolation as error:
        refused_by = error.diag.constraint_name

    is_allowed = after in TRANSITIONS[before] or after is before
    assert refused_by == (None if is_allowed else "payments_transition")


@pytest.mark.covers("Y3")
@pytest.mark.parametrize(("before", "after"), list(product(State, STEPS)))
def test_the_rules_allow_exactly_the_graph(before, after):
    payment = draft()
    for state in FROM_CREATED[before]:
        payment = STEPS[state](payment)

    try:
        moved = STEPS[after](payment)
        assert (moved.state, moved.revision) == (after, payment.revision + 1)
        allowed = True
    except DomainError:
        allowed = False

    assert allowed == (after in TRANSITIONS[before])


@pytest.mark.covers("Y3")
async def test_the_table_and_the_code_hold_the_same_graph(connection):
    rows = await (await connection.execute("SELECT from_state, to_state FROM payment_transitions")).fetchall()

    # Staying partially refunded while more goes back is a change of the amount, not of the state.
    ours = {(str(before), str(after)) for before, following in TRANSITIONS.items() for after in following}
    assert set(rows) == ours - {("partially_refunded", "partially_refunded")}


@pytest.mark.covers("Y3")
@pytest.mark.parametrize("state", [state for state in State if state is not State.CREATED])
async def test_a_payment_begins_as_created(connection, state):
    with pytest.raises(psycopg.errors.CheckViolation):
        await stored(connection, draft(state=state))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("captured_minor = authorized_minor + 1", "payments_captured_within_authorized"),
        ("authorized_minor = amount_minor + 1", "payments_authorized_within_amount"),
        ("refunding_minor = captured_minor + 1", "payments_refunded_within_captured"),
        ("state = 'refunded', refunded_minor = captured_minor + 1", "payments_refunded_fits_state"),
        ("captured_minor = captured_minor - 1", "payments_forward_only"),
        ("revision = 0", "payments_forward_only"),
        ("handle = gen_random_uuid()", "payments_forward_only"),
    ],
)
async def test_the_database_refuses_impossible_totals(connection, change, constraint):
    payment = await stored(connection, draft())
    await write(connection, payment.id, State.CAPTURED)

    with pytest.raises(psycopg.errors.CheckViolation) as error:
        await connection.execute(f"UPDATE payments SET {change} WHERE id = %s", [payment.id])

    assert error.value.diag.constraint_name == constraint


async def test_handles_are_of_the_version_that_the_provider_takes(connection):
    with pytest.raises(psycopg.errors.CheckViolation):
        await stored(connection, draft(handle=new_id()))


@pytest.mark.parametrize("table", ["payments", "movements", "provider_events", "audit"])
async def test_what_runs_cannot_delete_what_happened_to_money(connection, table):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute(f"DELETE FROM {table}")


@pytest.mark.covers("Y3")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.sampled_from(list(STEPS)), max_size=8))
def test_any_sequence_of_steps_keeps_money_and_states_together(wanted):
    payment = draft()
    for state in wanted:
        before = payment
        try:
            payment = STEPS[state](payment)
        except DomainError:
            continue
        assert payment.state in TRANSITIONS[before.state]
        assert NOTHING <= payment.refunded <= payment.captured <= payment.authorized <= payment.amount
        assert payment.revision == before.revision + 1


statements = st.builds(
    lambda standing, taken, refunded: Statement(
        standing=standing,
        amount=Money("SAR", 100),
        taken=Money("SAR", taken if standing is Standing.TAKEN else 0),
        refunded=Money("SAR", min(refunded, taken) if standing is Standing.TAKEN else 0),
    ),
    st.sampled_from(list(Standing)),
    st.sampled_from([60, 100]),
    st.sampled_from([0, 10, 60, 100]),
)


@pytest.mark.covers("Y3")
@settings(max_examples=200, deadline=None)
@given(authorize_only=st.booleans(), said=st.lists(statements, max_size=6))
def test_whatever_the_provider_says_in_whatever_order_we_never_go_backwards(authorize_only, said):
    payment = draft(authorize_only=authorize_only)
    for statement in said:
        try:
            steps = follow(payment, statement, NOW + timedelta(seconds=1))
        except Contradiction:
            continue
        for step in steps:
            assert step.state in TRANSITIONS[payment.state]
            assert payment.captured <= step.captured
            assert payment.refunded <= step.refunded
            payment = step
        assert follow(payment, statement, NOW) == ()


def test_a_refund_on_its_way_is_not_mistaken_for_one_made_elsewhere():
    payment = draft().taken(Money("SAR", 100), NOW).with_refund_reserved(Money("SAR", 40), NOW)
    statement = Statement(
        standing=Standing.TAKEN, amount=Money("SAR", 100), taken=Money("SAR", 100), refunded=Money("SAR", 40)
    )

    assert follow(payment, statement, NOW) == ()
    assert payment.with_reserved_refund_done(Money("SAR", 40), NOW).refunded == Money("SAR", 40)
    with pytest.raises(IllegalTransition):
        draft().with_refund_reserved(Money("SAR", 1), NOW)
