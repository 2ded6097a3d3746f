# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten programs and the ticks that they take: the same on each run, in each profile, on each version of
Python. A number that changes here is a change of what counts, and breaks the budgets of others."""

# Name -> (program, ticks, what it prints)
REFERENCE = {
    "fib": ("""
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(15))
""", 1973, "610\n"),
    "sieve": ("""
n, primes = 1000, []
crossed = [False] * (n + 1)
for i in range(2, n + 1):
    if crossed[i]:
        continue
    primes.append(i)
    for j in range(i * i, n + 1, i):
        crossed[j] = True
print(len(primes), sum(primes))
""", 2410, "168 76127\n"),
    "collatz": ("""
def steps(n):
    count = 0
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        count += 1
    return count
print(max(range(1, 200), key=steps), sum(map(steps, range(1, 50))))
""", 9682, "171 1042\n"),
    "queens": ("""
def place(n, row=0, taken=()):
    if row == n:
        yield taken
        return
    for column in range(n):
        if all(column != c and abs(column - c) != row - r for r, c in enumerate(taken)):
            yield from place(n, row + 1, (*taken, column))
print(len(list(place(6))))
""", 3063, "4\n"),
    "words": ("""
import collections, re
text = "the quick brown fox jumps over the lazy dog and the cat " * 20
counts = collections.Counter(word for word in re.findall(r"\\w+", text) if len(word) > 2)
for word, count in counts.most_common(3):
    print(word, count)
""", 243, "the 60\nquick 20\nbrown 20\n"),
    "matrix": ("""
def multiply(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]
a = [[i * j % 7 for j in range(8)] for i in range(8)]
print(sum(map(sum, multiply(a, multiply(a, a)))))
""", 1242, "55566\n"),
    "shortest path": ("""
import heapq
class Graph:
    def __init__(self, n):
        self.edges = {i: [((i * 7 + 3) % n, i % 5 + 1), ((i + 1) % n, 4)] for i in range(n)}
    def distances(self, start):
        done, queue = {}, [(0, start)]
        while queue:
            d, node = heapq.heappop(queue)
            if node in done:
                continue
            done[node] = d
            for other, weight in self.edges[node]:
                if other not in done:
                    heapq.heappush(queue, (d + weight, other))
        return done
print(sum(Graph(50).distances(0).values()))
""", 212, "660\n"),
    "pipeline": ("""
import itertools, json
def numbers():
    n = 0
    while True:
        yield n
        n += 1
def squares(source):
    for n in source:
        yield n * n
even = (n for n in squares(numbers()) if n % 2 == 0)
data = json.loads(json.dumps([{"n": n, "text": str(n)} for n in itertools.islice(even, 100)]))
print(sum(len(entry["text"]) for entry in data))
""", 799, "427\n"),
    "classes": ("""
import dataclasses, functools
@functools.total_ordering
@dataclasses.dataclass(eq=False)
class Card:
    suit: str
    rank: int
    def __eq__(self, other):
        return (self.rank, self.suit) == (other.rank, other.suit)
    def __lt__(self, other):
        return (self.rank, self.suit) < (other.rank, other.suit)
    @property
    def name(self):
        match self:
            case Card(suit=s, rank=r) if r > 10:
                return "JQK"[r - 11] + s
            case _:
                return f"{self.rank}{self.suit}"
deck = [Card(suit, rank) for suit in "SHDC" for rank in range(1, 14)]
deck.sort(key=lambda card: (-card.rank, card.suit))
print(max(deck).name, min(deck).name, " ".join(card.name for card in deck[:3]))
""", 221, "KS 1C KC KD KH\n"),
    "async": ("""
async def numbers(n):
    for i in range(n):
        yield i
async def double(x):
    return x * 2
async def main():
    total = 0
    async for i in numbers(10):
        total += await double(i)
    return total + sum([i async for i in numbers(5) if i % 2])
print(await main())
try:
    for i in range(10):
        if i == 5:
            raise ValueError(i)
except ValueError as error:
    print(error)
""", 49, "94\n5\n"),
}
