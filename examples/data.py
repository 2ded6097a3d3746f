"""The line through some points, by numpy: data.

    pysbctl submit -p data examples/data.py

It prints:

    y = 2.00 x + 1.02
    furthest from it: x = 3, by 0.32
"""
import numpy as np

x = np.arange(6)
y = np.array([1.0, 3.2, 5.0, 6.7, 9.1, 11.1])

slope, offset = np.polyfit(x, y, 1)
print(f"y = {slope:.2f} x + {offset:.2f}")

distance = np.abs(y - (slope * x + offset))
print(f"furthest from it: x = {distance.argmax()}, by {distance.max():.2f}")
