"""Sales by region, with the settings in YAML: data-analysis.

    pysbctl submit -p data-analysis --display-dir plots examples/data-analysis.py

It prints:

    region
    north    350.0
    south    300.0
    best month: 2024-02
"""
import io

import pandas as pd
import yaml

SETTINGS = yaml.safe_load("""
currency: EUR
group_by: region
""")

# A real one would be a file of the request: --file sales.csv
SALES = """\
date,region,amount
2024-01-05,north,100
2024-01-20,south,120
2024-02-03,north,250
2024-02-14,south,180
"""

sales = pd.read_csv(io.StringIO(SALES), parse_dates=["date"])
totals = sales.groupby(SETTINGS["group_by"])["amount"].sum().astype(float)
print(totals.to_string())

by_month = sales.groupby(sales["date"].dt.to_period("M"))["amount"].sum()
print(f"best month: {by_month.idxmax()}")

# The plot is a display of the job.
totals.plot.bar(ylabel=SETTINGS["currency"])
