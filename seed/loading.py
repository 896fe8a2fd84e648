"""The demo data with a progress bar on standard error."""

from __future__ import annotations

from seed.demo import DemoOptions, DemoReport, load_demo
from server.console.progress import bar, stderr_console


async def load_with_progress(admin_url: str, options: DemoOptions, *, reset: bool = False) -> DemoReport:
    """`load_demo`, with a bar and the rate at the end; raises like it."""
    with bar("Demo data", options.transactions) as show:
        report = await load_demo(admin_url, options, reset=reset, report=show)
    stderr_console().print(
        f"Loaded {', '.join(f'{rows:,} {table}' for table, rows in report.rows.items())} "
        f"in {report.seconds:.1f} s ({report.transactions_per_second:,.0f} transactions per second)."
    )
    return report
