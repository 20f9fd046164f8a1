"""Trying a batch in halves, so that an item which cannot be processed keeps none of the others back."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Error = TypeVar("Error", bound=Exception)


def in_halves(
    items: Sequence[Item],
    attempt: Callable[[Sequence[Item]], list[Result]],
    catch: type[Error],
    alone: Callable[[Error], Result],
) -> list[Result]:
    """Try the whole; where that fails, its halves, and so on down to the item that it fails on.

    Args:
        items: the whole.
        attempt: returns a result for each item that it is given, in their order.
        catch: what of its exceptions an item can be the cause of.
        alone: the result of an item that such an exception is raised for on its own.
    """
    try:
        return attempt(items)
    except catch as error:
        if len(items) <= 1:
            return [alone(error) for _ in items]
    middle = len(items) // 2
    return in_halves(items[:middle], attempt, catch, alone) + in_halves(items[middle:], attempt, catch, alone)
