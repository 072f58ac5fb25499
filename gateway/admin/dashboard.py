"""The page that shows a gateway's mounts; the data is that of ``/status``."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment

from gateway.admin.snapshot import Status

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: nothing from elsewhere, and no script."""

_SOURCE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="5">
<title>gateway: {{ status.config }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #8884; padding: .3rem .8rem .3rem 0; text-align: left;
  vertical-align: top }
.number { font-variant-numeric: tabular-nums; text-align: right }
.failed { color: #c22; font-weight: bold } .draining { color: #a60 }
pre { white-space: pre-wrap }
</style>
<h1>{{ status.config }}</h1>
<p>gateway {{ status.version }}, process {{ status.pid }}, up for
{{ "%.0f" | format(status.uptime) }}s</p>
<div class="wide">
<table>
<tr><th scope="col">Mount<th scope="col">State<th scope="col">Host<th scope="col">Prefix
<th scope="col">Kind<th scope="col">Application<th scope="col" class="number">Generation
<th scope="col" class="number">Load<th scope="col" class="number">Running
<th scope="col" class="number">Queued<th scope="col" class="number">Rejected
<th scope="col" class="number">Slow</tr>
{% for mount in status.mounts %}
<tr><td>{{ mount.name }}<td class="{{ mount.state }}">{{ mount.state }}
<td>{{ mount.host or "any" }}<td>{{ mount.prefix }}<td>{{ mount.kind }}
<td>{{ mount.source }}
<td class="number">{{ "" if mount.generation is none else mount.generation }}
<td class="number">{{ "%.0f" | format(mount.load_seconds * 1000) }} ms
<td class="number">{{ mount.in_flight }}<td class="number">{{ mount.queued }}
<td class="number">{{ mount.rejected }}<td class="number">{{ mount.slow }}</tr>
{% if mount.problem %}
<tr><td><td colspan="11"><pre>{{ mount.problem }}</pre></tr>
{% endif %}
{% endfor %}
</table>
</div>
{% if status.left_threads %}
<h2>Threads of closed mounts</h2>
<ul>
{% for each in status.left_threads %}
<li>{{ each.mount }}: {{ each }}</li>
{% endfor %}
</ul>
{% endif %}
<h2>Reload</h2>
{% set last = status.reload.last %}
{% if status.reload.running %}<p>A reload is running.</p>{% endif %}
{% if not last %}<p>None since the start.</p>
{% elif last.report %}<p>{{ last.at }}: took
{{ "%.2f" | format(last.report.seconds) }}s.
{% for what in ("added", "replaced", "removed", "restart", "failed") %}
{% if last.report[what] %}{{ what }}: {{ last.report[what] | join(", ") }}.{% endif %}
{% endfor %}</p>
{% else %}<p class="failed">{{ last.at }}: failed</p>
<pre>{{ last.problems | join("\n") }}</pre>
{% endif %}
</html>
"""

_TEMPLATE: Final = Environment(autoescape=True, trim_blocks=True).from_string(_SOURCE)


def page(status: Status) -> str:
    """Return *status* as HTML; every value of it is escaped."""
    return _TEMPLATE.render(status=status)
