"""What is said of objects."""

from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.events import SAME_S, About, Events
from polpo.testing.kubernetes.api_server import ApiServer

ABOUT = About(
    "Service", "v1", "x", "a", "uid-1", "Warning", "Clash", "Expose", "two ports are the same"
)


def written(api: ApiServer) -> list[dict[str, object]]:
    return [item for (plural, _, _), item in api.stored.objects.items() if plural == "events"]


async def test_the_same_words_are_one_event_that_counts(api: ApiServer, client: Client) -> None:
    now_s = 0.0
    events = Events(Api(client), "polpo.dev/test", "one", clock=lambda: now_s)
    for _ in range(3):
        await events.say(ABOUT)
    (event,) = written(api)
    assert (event["reason"], event["note"]) == ("Clash", "two ports are the same")
    assert event["series"]["count"] == 3  # type: ignore[index]
    await events.say(ABOUT._replace(note="other words"))
    now_s = SAME_S + 1
    await events.say(ABOUT)
    assert len(written(api)) == 3


async def test_an_event_that_cannot_be_written_fails_nobody(api: ApiServer, client: Client) -> None:
    events = Events(Api(client), "polpo.dev/test", "one")
    api.refuse = 403
    await events.say(ABOUT)
    api.refuse = 0
    await events.say(ABOUT)
    (event,) = written(api)
    assert "series" not in event
