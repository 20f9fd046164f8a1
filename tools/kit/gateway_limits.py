"""Default throttle limits of API Gateway for an account in a region.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html, read on 2026-11-30
"""

from typing import NamedTuple


class ThrottleLimits(NamedTuple):
    """Limits of a token bucket."""

    rate: float  # requests/s
    burst: int  # requests


LOWER_LIMITS = ThrottleLimits(2_500, 1_250)
LOWER_LIMIT_REGIONS = {
    "af-south-1": "Cape Town",
    "ap-south-2": "Hyderabad",
    "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-7": "Thailand",
    "ca-west-1": "Calgary",
    "eu-central-2": "Zurich",
    "eu-south-1": "Milan",
    "eu-south-2": "Spain",
    "il-central-1": "Tel Aviv",
    "me-central-1": "UAE",
    "mx-central-1": "Mexico",
}
