"""Loads demo data in a process of its own, whose memory is then the generator's alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict

from bench.options import BenchOptions
from bench.processes import own_peak_mb
from seed.demo import load_demo
from seed.options import DemoOptions


async def load(options: DemoOptions) -> None:
    report = await load_demo(os.environ["RETAIL_ADMIN_DATABASE_URL"], options)
    print(json.dumps({**asdict(report), "peak_mb": own_peak_mb()}))


if __name__ == "__main__":
    transactions, customers, products = map(int, sys.argv[1:])
    asyncio.run(load(BenchOptions(transactions=transactions, customers=customers, products=products).demo))
