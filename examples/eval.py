"""A function that is called with inputs, its value is the answer: eval.

    pysbctl eval examples/eval.py --callable change --inputs '{"cents": 287}'
    pysbctl submit -p eval --callable change --inputs '{"cents": 287}' --result examples/eval.py

The value is:

    {"200": 1, "50": 1, "20": 1, "10": 1, "5": 1, "2": 1}
"""
COINS = [200, 100, 50, 20, 10, 5, 2, 1]


def change(cents):
    """The fewest coins of the euro."""
    coins = {}
    for coin in COINS:
        count, cents = divmod(cents, coin)
        if count:
            coins[coin] = count
    return coins
