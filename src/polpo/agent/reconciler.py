"""The shape of every reconciler, and what surrounds each: drift, failures, patience.

A reconciler reads what is (ours only) and applies changes (idempotent). A step compares that
with what must be. What was there after the last pass and is not any more has *drifted*:
somebody else changed it. A key that failed is tried again later and later, and holds up no other.
"""

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from polpo.agent.drift import Drift
from polpo.agent.patience import Patience, Waiting
from polpo.target.changes import Changes, compare

K = TypeVar("K")
V = TypeVar("V")
Failures = dict[K, str]


class Reconciler(Protocol[K, V]):
    """One kernel noun."""

    @property
    def noun(self) -> str: ...

    def read_actual(self) -> Mapping[K, V]: ...

    def apply(self, changes: Changes[K, V]) -> Failures[K]: ...


class Step(Generic[K, V]):
    """One reconciler in the loop. `put` goes forward through the steps, `remove` backward."""

    def __init__(
        self,
        reconciler: Reconciler[K, V],
        target: Callable[[], Mapping[K, V]],
        drift: Drift,
        patience: Patience,
    ) -> None:
        self.reconciler, self._target = reconciler, target
        self._drift, self._patience = drift, patience
        self._believed: dict[K, V] | None = None  # None: just started, nothing is believed
        self._remove: tuple[K, ...] = ()

    @property
    def noun(self) -> str:
        return self.reconciler.noun

    def put(self) -> None:
        """Look, and write what is missing or wrong."""
        target, actual = self._target(), self.reconciler.read_actual()
        self._note_drift(target, actual)
        changes = compare(target, actual)
        self._remove = changes.remove
        self._patience.keep_only(self.noun, changes.put.keys() | set(changes.remove))
        self._attempt(Changes(put=self._due(changes.put), remove=()))
        self._believed = dict(target)
        for key in changes.put:
            if self._patience.failed(self.noun, key):
                del self._believed[key]

    def remove(self) -> None:
        """Remove what `put` saw and the target does not have."""
        if self._remove:
            due = tuple(k for k in self._remove if self._patience.due(self.noun, k))
            self._attempt(Changes(put={}, remove=due))

    def put_one(self, key: K, value: V) -> bool:
        """Write this one without a look at any. Whether it is written."""
        self._attempt(Changes(put={key: value}, remove=()))
        done = not self._patience.failed(self.noun, key)
        if done and self._believed is not None:
            self._believed[key] = value
        return done

    def remove_one(self, key: K) -> bool:
        """The same for what is to go."""
        self._attempt(Changes(put={}, remove=(key,)))
        done = not self._patience.failed(self.noun, key)
        if done and self._believed is not None:
            self._believed.pop(key, None)
        return done

    def _due(self, put: dict[K, V]) -> dict[K, V]:
        return {k: v for k, v in put.items() if self._patience.due(self.noun, k)}

    def _attempt(self, changes: Changes[K, V]) -> None:
        failures = self.reconciler.apply(changes) if changes else {}
        for key in (*changes.put, *changes.remove):
            self._patience.note(self.noun, key, failures.get(key))

    def _note_drift(self, target: Mapping[K, V], actual: Mapping[K, V]) -> None:
        """What comes (target only) and what goes (believed only) has not drifted."""
        believed = self._believed
        if believed is None or believed == actual:
            return
        for key in believed.keys() | actual.keys():
            same = believed.get(key) == actual.get(key)
            if (
                same
                or (key in believed) != (key in target)
                or self._patience.failed(self.noun, key)
            ):
                continue  # what failed half way has not drifted either
            what = "missing" if key not in actual else "altered"
            self._drift.note(self.noun, str(key), what if key in target else "unexpected")


def reason(error: Exception) -> str:
    """In the kernel's words where there are some."""
    return getattr(error, "strerror", None) or str(error)


def one_by_one(
    changes: Changes[K, V], put: Callable[[K, V], None], remove: Callable[[K], None]
) -> Failures[K]:
    """Apply each change by itself; an object that the kernel refuses does not stop the others.

    BlockingIOError is for what has been begun and takes its time.
    """
    failures: Failures[K] = {}
    for key, value in changes.put.items():
        try:
            put(key, value)
        except BlockingIOError as e:
            failures[key] = Waiting(reason(e))
        except (OSError, ValueError) as e:
            failures[key] = reason(e)
    for key in changes.remove:
        try:
            remove(key)
        except BlockingIOError as e:
            failures[key] = Waiting(reason(e))
        except (OSError, ValueError) as e:
            failures[key] = reason(e)
    return failures
