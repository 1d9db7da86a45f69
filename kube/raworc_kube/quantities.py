"""Quantities as Kubernetes writes them."""

import re
from decimal import Decimal

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))"
    r"(?:(?P<unit>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?\d{1,3}))?"
)
_UNITS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str) -> Decimal:
    """Return the number that a quantity such as '500m', '1Gi' or '1e3' means."""
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(
            f"'{text}' is not a quantity: write a number such as '500m', '2' or '1Gi'."
        )
    if found["exponent"]:
        return Decimal(found["number"]).scaleb(int(found["exponent"]))
    return Decimal(found["number"]) * _UNITS.get(found["unit"] or "", Decimal(1))
