"""Processing of a batch in halves, so that an item that fails does not prevent the others from being processed."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Error = TypeVar("Error", bound=Exception)


def process_in_halves(
    items: Sequence[Item],
    attempt: Callable[[Sequence[Item]], list[Result]],
    catch: type[Error],
    handle_error: Callable[[Error], Result],
) -> list[Result]:
    """Process items together; if that fails, process their halves, and so on down to single items.

    Args:
        items: the items; may be empty.
        attempt: processes some of the items, and returns a result for each, in order.
        catch: type of the exceptions of `attempt` that an item can cause.
        handle_error: returns the result of a single item for which `attempt` raised such an exception.

    Returns:
        A result for each item, in order.
    """
    try:
        return attempt(items)
    except catch as error:
        if len(items) <= 1:
            return [handle_error(error) for _ in items]
    middle = len(items) // 2
    return process_in_halves(items[:middle], attempt, catch, handle_error) + process_in_halves(
        items[middle:], attempt, catch, handle_error
    )
