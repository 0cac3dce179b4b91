import pytest
from kursi_simulators.faults import Fault, FaultQueue
from kursi_simulators.wire import BadOrder


def test_a_fault_fires_for_the_nth_match_and_the_times_after_it():
    queue = FaultQueue()
    queue.add(Fault("garbage", method="POST", path="/v1/*", nth=2, times=2))
    met = [queue.take("POST", "/v1/payments") is not None for _ in range(5)]
    assert met == [False, True, True, False, False]


def test_requests_that_do_not_match_are_not_counted():
    queue = FaultQueue()
    queue.add(Fault("garbage", method="POST", body_contains="+966500000001"))
    assert queue.take("GET", "/v1/payments", "+966500000001") is None
    assert queue.take("POST", "/v1/payments", "+966500000002") is None
    assert queue.take("POST", "/v1/payments", "To=+966500000001") is not None


@pytest.mark.parametrize(
    "order",
    [
        {"fault": "explode"},
        {"fault": "slow", "seconds": "long"},
        {"fault": "slow", "match": "POST"},
        {"fault": "slow", "colour": "red"},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order):
    with pytest.raises(BadOrder):
        Fault.from_json(order)
