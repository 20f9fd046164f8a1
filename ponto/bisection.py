"""Processing of a batch in halves, so that an item which cannot be processed keeps none of the others back."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Error = TypeVar("Error", bound=Exception)


def process_in_halves(
    items: Sequence[Item],
    attempt: Callable[[Sequence[Item]], list[Result]],
    catch: type[Error],
    alone: Callable[[Error], Result],
) -> list[Result]:
    """Process items together; if that fails, their halves, and so on down to single items. Return a result for each.

    Args:
        items: may be none.
        attempt: processes some of them, and returns a result for each, in their order.
        catch: the exceptions of `attempt` that an item can cause.
        alone: returns the result of an item for which `attempt` raised such an exception.
    """
    try:
        return attempt(items)
    except catch as error:
        if len(items) <= 1:
            return [alone(error) for _ in items]
    middle = len(items) // 2
    return process_in_halves(items[:middle], attempt, catch, alone) + process_in_halves(
        items[middle:], attempt, catch, alone
    )
