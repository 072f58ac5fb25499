"""Fill an empty catalogue with the seeds of samples.json."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import migrations


def read_samples() -> Any:
    """Return the kinds of seeds, each with its products."""
    path = Path(__file__).resolve().parents[1] / "samples.json"
    return json.loads(path.read_text(encoding="utf-8"))


def fill(apps: Any, editor: Any) -> None:
    """Add the kinds and the seeds."""
    categories = apps.get_model("products", "Category").objects
    products = apps.get_model("products", "Product").objects
    for kind in read_samples():
        category = categories.create(name=kind["name"], slug=kind["slug"])
        for seed in kind["products"]:
            price = Decimal(seed.pop("price"))
            products.create(category=category, price=price, **seed)


def empty(apps: Any, editor: Any) -> None:
    """Take them out again; a kind stays if somebody has added to it."""
    categories = apps.get_model("products", "Category").objects
    products = apps.get_model("products", "Product").objects
    kinds = read_samples()
    slugs = [seed["slug"] for kind in kinds for seed in kind["products"]]
    products.filter(slug__in=slugs).delete()
    names = [kind["slug"] for kind in kinds]
    categories.filter(slug__in=names, products=None).delete()


class Migration(migrations.Migration):
    dependencies = (("products", "0001_initial"),)
    operations = (migrations.RunPython(fill, empty),)
