"""Trying: who is asked, in which order, how often, and what the client is told when nobody answers."""

from typing import Any

import pytest

from sluice_contract.quirks import OPENAI_PATHS
from sluice_contract.snapshot import Credentials, Model, Retry, Target, Timeouts, Upstream
from sluice_contract.snapshot import Health as HealthRule
from sluice_dataplane.dialects.ways import Ceilings
from sluice_dataplane.errors import GatewayError, RateLimitedError
from sluice_dataplane.exchange import Ask, Candidate, Principal, UpstreamRequest
from sluice_dataplane.pipeline.dispatch import Dispatched, Dispatcher, NotDispatchedError, RejectedError
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.upstream.health import Health
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience, UpstreamAnswer
from support.builders import exchange, key, model, table, upstream
from support.rooms import Reply

CONNECT = AttemptFailedError("refused", cause="ConnectFailure", sent=False)
BODY = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}'
MESSAGES = {"messages": "/messages"}
GEMINI = {"gemini": "/models/{model}:generateContent"}
SLOW = AttemptFailedError("slow", cause="Timeout", sent=True)
GARBLED = AttemptFailedError("garbled", cause="Protocol", sent=True)


class Scripted:
    """Upstreams that give each target its next scripted reply, and keep what they were sent."""

    def __init__(self, **script: list[Any]) -> None:
        self.script = script
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        self.patience: list[Patience] = []

    async def send(
        self, upstream: Upstream, request: UpstreamRequest, *, credential: str | None, patience: Patience
    ) -> UpstreamAnswer:
        """The next of *upstream*'s script; its last again and again."""
        self.asked.append(upstream.id)
        self.credentials.append(credential)
        self.patience.append(patience)
        replies = self.script[upstream.id]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        made: UpstreamAnswer = reply
        return made

    async def close(self) -> None:
        """Nothing is held."""


class Noted:
    """Attempts that are allowed unless *refuses* says otherwise, and what was told of them."""

    def __init__(self) -> None:
        self.refuses: dict[str, GatewayError] = {}
        self.told: list[tuple[Any, ...]] = []

    async def begin(self, candidate: Candidate, number: int) -> GatewayError | None:
        """May it?"""
        return self.refuses.get(candidate.target.name)

    def sent(self, candidate: Candidate, number: int) -> None:
        """Keep."""
        self.told.append(("sent", candidate.target.name, number))

    def over(self, told: GatewayError | None, *, billed: bool) -> None:
        """Keep."""
        self.told.append(("over", billed, told.status if told else None))


class Run:
    """One dispatcher over a model whose targets are named after the script's upstreams, in that order."""

    def __init__(
        self,
        *,
        rules: dict[str, Any] | None = None,
        credential_id: str | None = None,
        paths: dict[str, dict[str, str]] | None = None,
        **script: list[Any],
    ) -> None:
        self.upstreams = Scripted(**script)
        self.health = Health()
        self.attempts = Noted()
        self.now_ms = 0.0
        self.pauses: list[float] = []
        self.model: Model = model(
            targets=tuple(Target(name=n, upstream_id=n, priority=i) for i, n in enumerate(script)), **(rules or {})
        )
        self.table = table(
            models=(self.model,),
            upstreams=tuple(
                upstream(id=name, credential_id=credential_id, paths=(paths or {}).get(name, OPENAI_PATHS))
                for name in script
            ),
            credentials=Credentials(values={"c": "sk-provider"}),
        )
        self.dispatcher = Dispatcher(
            self.upstreams, self.health, monotonic_ms=lambda: self.now_ms, sleep=self._sleep, draw=lambda: 0.5
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def send(self, *, stream: bool = False, body: bytes = BODY) -> Dispatched:
        """One call through the dispatcher; what it acquired is released."""
        ask = Ask(model="echo", stream=stream)
        plan = self.dispatcher.available(resolve(self.table, Principal(key(), "c1"), ask, draw=lambda: 0.5))
        sent = await self.dispatcher.dispatch(
            exchange(body, of=self.table), ask, plan, self.attempts, ceilings=Ceilings(None, 4096)
        )
        self.dispatcher.release(sent.candidate)
        return sent

    async def told(self, **how: Any) -> NotDispatchedError:
        """The error of a call that nobody answers."""
        with pytest.raises(NotDispatchedError) as caught:
            await self.send(**how)
        return caught.value

    def in_flight(self) -> int:
        """Calls that the health still counts."""
        return sum(state.in_flight for state in self.health.summary([self.model], 0))


@pytest.mark.parametrize("failure", [CONNECT, SLOW, GARBLED, Reply(500), Reply(503), Reply(429)], ids=str)
async def test_the_next_target_answers_for_one_that_fails(failure: Any) -> None:
    """Before the first byte another target is tried; the failed answer is closed and nothing stays counted."""
    run = Run(a=[failure], b=[Reply()])
    sent = await run.send()

    assert (sent.candidate.target.name, sent.attempts) == ("b", 2)
    assert run.upstreams.asked == ["a", "b"]
    assert run.in_flight() == 0
    assert getattr(failure, "closed", 1) >= 1


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (CONNECT, 502, "upstream_unreachable"),
        (SLOW, 504, "upstream_timeout"),
        (GARBLED, 502, "upstream_error"),
        (Reply(500), 502, "upstream_error"),
        (Reply(503), 503, "upstream_unavailable"),
        (Reply(529), 503, "upstream_unavailable"),
        (Reply(504), 504, "upstream_timeout"),
        (Reply(401), 502, "upstream_auth_error"),
        (Reply(403), 502, "upstream_auth_error"),
        (Reply(307, headers=(("location", "http://evil/"),)), 502, "upstream_error"),
    ],
    ids=str,
)
async def test_what_the_client_is_told_is_never_a_500_nor_the_upstreams_401(
    failure: Any, status: int, code: str
) -> None:
    """Each failure has its own clear status; our credential's trouble is not shown as the client's."""
    error = await Run(a=[failure]).told()

    assert (error.told.status, error.told.code) == (status, code)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_request_that_the_upstream_calls_wrong_is_not_tried_elsewhere(status: int) -> None:
    """The upstream's own words are kept for the client, and no second target is bothered."""
    run = Run(a=[Reply(status, b'{"error":{"message":"bad"}}')], b=[Reply()])
    with pytest.raises(RejectedError) as caught:
        await run.send()

    assert (caught.value.status, caught.value.told) == (status, b'{"error":{"message":"bad"}}')
    assert run.upstreams.asked == ["a"]
    assert run.in_flight() == 0


@pytest.mark.parametrize("attempts", [0, 1, 4])
async def test_attempts_are_counted_over_all_targets(attempts: int) -> None:
    """retry.attempts more than one, round and round, with a growing pause before a target is asked again."""
    run = Run(rules={"retry": Retry(attempts=attempts)}, a=[CONNECT], b=[CONNECT])
    error = await run.told()

    assert error.attempts == len(run.upstreams.asked) == attempts + 1
    assert run.upstreams.asked == ["a", "b", "a", "b", "a"][: attempts + 1]
    assert run.pauses == [0.1, 0.1, 0.2][: max(attempts - 1, 0)]


async def test_only_the_named_causes_are_tried_again() -> None:
    """A cause that the model does not name ends the call at once."""
    run = Run(rules={"retry": Retry(attempts=3, causes=("ConnectFailure",))}, a=[SLOW], b=[Reply()])
    await run.told()

    assert run.upstreams.asked == ["a"]


async def test_a_target_that_asked_for_rest_is_left_alone_and_its_wait_passed_on() -> None:
    """429 with Retry-After: not asked again by this call nor by the next, and the client hears the wait."""
    run = Run(a=[Reply(429, headers=(("retry-after", "7"),))])
    error = await run.told()

    assert (error.told.status, dict(error.told.headers)["retry-after"]) == (429, "7")
    assert run.upstreams.asked == ["a"]

    both = Run(a=[Reply(429, headers=(("retry-after", "7"),))], b=[Reply()])
    await both.send()
    await both.send()
    assert both.upstreams.asked == ["a", "b", "b"]


async def test_a_target_that_keeps_failing_is_set_aside_and_comes_back() -> None:
    """After the model's number of failures in a row a target is not asked until its ejection is over."""
    rules = {"health": HealthRule(consecutive_failures=2, ejection_ms=1_000), "retry": Retry(attempts=1)}
    run = Run(rules=rules, a=[CONNECT, CONNECT, Reply()], b=[Reply()])
    for _ in range(3):
        await run.send()
    assert run.upstreams.asked == ["a", "b", "a", "b", "b"]

    run.now_ms = 1_001
    assert (await run.send()).candidate.target.name == "a"


async def test_a_stream_is_tried_elsewhere_until_its_first_byte_came() -> None:
    """An empty stream, a reset or a stall before any byte is no answer yet."""
    events = (("content-type", "text/event-stream; charset=utf-8"),)
    for start in (
        Reply(200, b"", headers=events),
        Reply(200, SLOW, headers=events),
        Reply(200, GARBLED, headers=events),
    ):
        run = Run(a=[start], b=[Reply(200, b"data: x\n\n", headers=events)])
        sent = await run.send(stream=True)

        assert (sent.candidate.target.name, sent.first_chunk) == ("b", b"data: x\n\n")
        assert start.closed == 1


async def test_time_is_shared_by_all_attempts() -> None:
    """No attempt may wait longer than what is left of the request's time; with none left nobody is asked."""
    run = Run(rules={"timeouts": Timeouts(request_ms=2_000, connect_ms=3_000, first_token_ms=60_000)}, a=[Reply()])
    run.now_ms = 1_500.0
    await run.send(stream=True)
    patience = run.upstreams.patience[0]
    assert (patience.connect_ms, patience.first_byte_ms) == (500, 500)

    run.now_ms = 2_000.0
    await run.told()
    assert len(run.upstreams.asked) == 1


async def test_a_full_target_is_passed_over_and_a_full_model_says_so() -> None:
    """MaxConcurrency holds on this replica; when every target is full the client hears 503 and when to come back."""
    run = Run(a=[Reply()])
    target = run.model.targets[0]
    full = Target(name=target.name, upstream_id=target.upstream_id, max_concurrency=0)
    run.model = model(targets=(full,))
    run.table = table(models=(run.model,), upstreams=(upstream(id="a"),))
    error = await run.told()

    assert (error.told.status, error.told.code, run.upstreams.asked) == (503, "overloaded", [])


async def test_a_credential_is_taken_from_the_table_or_the_target_is_no_target() -> None:
    """The provider's key goes to the upstream alone; without it nothing is sent."""
    run = Run(a=[Reply()], credential_id="c")
    await run.send()
    assert run.upstreams.credentials == ["sk-provider"]

    missing = Run(a=[Reply()], credential_id="gone")
    error = await missing.told()
    assert (error.told.status, error.told.code) == (503, "provider_not_ready")
    assert missing.upstreams.asked == []


@pytest.mark.parametrize(
    ("failure", "billed", "status"),
    [
        (CONNECT, False, 502),
        (SLOW, True, 504),
        (GARBLED, True, 502),
        (Reply(500), False, 502),
        (Reply(429), False, 429),
    ],
    ids=str,
)
async def test_each_attempt_is_told_of_before_it_is_sent_and_when_it_is_over(
    failure: Any, billed: bool, status: int
) -> None:
    """Whoever holds the money knows of every attempt that may be billed, and which one brought the answer."""
    run = Run(a=[failure], b=[Reply()])
    await run.send()

    assert run.attempts.told == [("sent", "a", 1), ("over", billed, status), ("sent", "b", 2)]


async def test_a_stream_that_breaks_before_its_first_byte_may_be_billed() -> None:
    """The status said that the provider was at work; an empty stream that ended properly says that it was not."""
    events = (("content-type", "text/event-stream"),)
    for start, billed in ((Reply(200, GARBLED, headers=events), True), (Reply(200, b"", headers=events), False)):
        run = Run(a=[start], b=[Reply(200, b"data: x\n\n", headers=events)])
        await run.send(stream=True)

        assert run.attempts.told[1] == ("over", billed, 502)


async def test_a_rejected_request_is_over_and_not_billed() -> None:
    """The provider's 400 costs nothing."""
    run = Run(a=[Reply(400, b'{"error":{"message":"bad"}}')])
    with pytest.raises(RejectedError):
        await run.send()

    assert run.attempts.told == [("sent", "a", 1), ("over", False, None)]


async def test_a_target_that_may_not_be_tried_is_passed_over() -> None:
    """One that is over its own limits is no attempt, and does not use one up; the next one answers."""
    run = Run(rules={"retry": Retry(attempts=0)}, a=[Reply()], b=[Reply()])
    run.attempts.refuses["a"] = RateLimitedError("full")
    sent = await run.send()

    assert (sent.candidate.target.name, sent.attempts, run.upstreams.asked) == ("b", 1, ["b"])
    assert run.in_flight() == 0


async def test_where_no_target_may_be_tried_the_client_hears_why() -> None:
    """The limit is told where there was nothing else to tell; after an attempt that failed, its failure is."""
    run = Run(a=[Reply()])
    run.attempts.refuses["a"] = RateLimitedError("full")
    assert (await run.told()).told.status == 429

    both = Run(a=[SLOW], b=[Reply()])
    both.attempts.refuses["b"] = RateLimitedError("full")
    error = await both.told()
    assert (error.told.status, error.attempts, set(both.upstreams.asked)) == (504, 3, {"a"})


async def test_who_is_set_aside_is_not_in_the_plan() -> None:
    """What a call takes is taken for a target that will be asked; with all set aside nobody is left out."""
    rules = {"health": HealthRule(consecutive_failures=1, ejection_ms=1_000, max_ejected_percent=100)}
    run = Run(rules=rules, a=[Reply(429)], b=[Reply()])
    await run.send()
    plan = resolve(run.table, Principal(key(), "c1"), Ask(model="echo"), draw=lambda: 0.5)
    assert [each.target.name for each in run.dispatcher.available(plan).candidates] == ["b"]

    run.health.rest(run.model, run.model.targets[1], 10_000)
    assert len(run.dispatcher.available(plan).candidates) == 2


async def test_a_target_whose_api_cannot_say_it_is_passed_over() -> None:
    """Another one is asked, in no further attempt; where none can, the client learns which field it is."""
    body = BODY[:-1] + b',"seed":7}'
    run = Run(a=[Reply()], b=[Reply()], paths={"a": MESSAGES})
    sent = await run.send(body=body)
    alone = Run(a=[Reply()], paths={"a": MESSAGES})
    told = (await alone.told(body=body)).told

    assert (sent.candidate.target.name, sent.attempts, run.upstreams.asked) == ("b", 1, ["b"])
    assert (told.status, told.code, told.param) == (400, "unsupported_field", "seed")
    assert (alone.upstreams.asked, alone.in_flight()) == ([], 0)


async def test_a_target_without_the_call_is_passed_over() -> None:
    """A provider of embeddings alone is no place for a chat."""
    run = Run(a=[Reply()], paths={"a": {"embeddings": "/embeddings"}})

    assert (await run.told()).told.code == "endpoint_not_supported"
    assert run.upstreams.asked == []


async def test_googles_wait_is_in_its_body() -> None:
    """A target at its limit rests for as long as the error's details say, and the client is told as much."""
    details = b'[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]'
    limit = Reply(429, b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":%b}}' % details)
    run = Run(a=[limit], paths={"a": GEMINI}, rules={"retry": Retry(attempts=0)})
    told = (await run.told()).told

    assert ("retry-after", "35") in told.headers
    assert run.health.summary([run.model], 34_000)[0].resting
    assert not run.health.summary([run.model], 34_100)[0].resting


async def test_a_refusal_does_not_repeat_the_credential() -> None:
    """Some providers quote what they were sent; the client gets the rest of their words."""
    run = Run(a=[Reply(400, b'{"error":{"message":"bad key sk-provider for a"}}')], credential_id="c")
    with pytest.raises(RejectedError) as caught:
        await run.send()

    assert caught.value.told == b'{"error":{"message":"bad key *** for a"}}'
