"""Quantities as Kubernetes writes them."""

from decimal import Decimal

import pytest

from raworc_kube.quantities import parse_quantity


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1.5Gi", str(3 * 2**29)),
        ("1024Ti", str(2**50)),
        ("1Pi", str(2**50)),
        ("3E", str(3 * 10**18)),
        ("1Ei", str(2**60)),
        ("12e6", "12000000"),
        ("1E3", "1000"),
        ("5e-1", "0.5"),
        ("250u", "0.00025"),
        ("-1", "-1"),
    ],
)
def test_a_quantity_is_what_kubernetes_takes_it_for(quantity: str, value: str) -> None:
    assert parse_quantity(quantity) == Decimal(value)


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1Zi", "Gi", "1GiB", "1e", "NaN"])
def test_what_is_no_quantity_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
