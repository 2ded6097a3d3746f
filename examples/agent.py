"""What a language model writes: calls a tool of the client for each city, keeps the answers in a file,
and returns a value: agent.

    pysbctl submit -p agent --tool 'temperature=echo 24' examples/agent.py

It prints:

    Lisbon: 24 degrees
    Oslo: 24 degrees
"""
import json

import tools
from sandbox_utils import wc

with open("weather.jsonl", "w") as file:
    for city in ("Lisbon", "Oslo"):
        degrees = tools.temperature(city=city)
        print(f"{city}: {degrees} degrees")
        file.write(json.dumps({"city": city, "degrees": degrees}) + "\n")

result = {"cities": wc("weather.jsonl")["lines"]}
