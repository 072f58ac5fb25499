"""What the catalogue offers: kinds of seeds, and the seeds."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

_A_MONTH = [MinValueValidator(1), MaxValueValidator(12)]


class Category(models.Model):
    """A kind of seeds, such as herbs."""

    name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(unique=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return str(self.name)


class Product(models.Model):
    """A packet of seeds; months count from 1."""

    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="products"
    )
    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)
    latin = models.CharField(max_length=80)
    description = models.TextField()
    price = models.DecimalField(max_digits=6, decimal_places=2)
    days = models.PositiveSmallIntegerField(help_text="from sowing to harvest or bloom")
    sow_from = models.PositiveSmallIntegerField(validators=_A_MONTH)
    sow_to = models.PositiveSmallIntegerField(validators=_A_MONTH)
    hue = models.PositiveSmallIntegerField(
        help_text="colour of the packet, in degrees of hue",
        validators=[MaxValueValidator(359)],
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return str(self.name)

    @property
    def sowing_months(self) -> list[bool]:
        """For each month, January first, whether it is sown then."""
        return [self.sow_from <= month <= self.sow_to for month in range(1, 13)]
