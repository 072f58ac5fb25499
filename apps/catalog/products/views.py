"""The pages of the catalogue."""

from __future__ import annotations

import calendar

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from products.models import Category, Product

MONTHS = list(enumerate(calendar.month_name))[1:]


def index(request: HttpRequest) -> HttpResponse:
    """List the seeds, or those that were asked for."""
    text = request.GET.get("q", "").strip()
    kind = request.GET.get("kind", "")
    month = request.GET.get("month", "")
    products = _matching(text, kind, month)
    return render(
        request,
        "products/index.html",
        {
            "products": products,
            "categories": Category.objects.all(),
            "months": MONTHS,
            "text": text,
            "kind": kind,
            "month": month,
            "filtered": bool(text or kind or month),
        },
    )


def _matching(text: str, kind: str, month: str) -> QuerySet[Product]:
    products = Product.objects.select_related("category")
    if text:
        products = products.filter(
            Q(name__icontains=text)
            | Q(latin__icontains=text)
            | Q(description__icontains=text)
        )
    if kind:
        products = products.filter(category__slug=kind)
    if month in {str(number) for number, _ in MONTHS}:
        products = products.filter(sow_from__lte=month, sow_to__gte=month)
    return products


def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one packet of seeds."""
    product = get_object_or_404(Product.objects.select_related("category"), slug=slug)
    others = product.category.products.exclude(pk=product.pk)[:3]
    return render(
        request,
        "products/detail.html",
        {
            "product": product,
            "others": others,
            "calendar": list(zip(MONTHS, product.sowing_months, strict=True)),
            "sow_from": calendar.month_name[product.sow_from],
            "sow_to": calendar.month_name[product.sow_to],
        },
    )


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the app is up."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")
