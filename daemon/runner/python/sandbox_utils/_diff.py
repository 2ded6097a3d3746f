# SPDX-License-Identifier: LGPL-2.1-or-later
"""The changes between two sequences, for diff(): Myers' algorithm in linear space.

Not difflib: what that needs grows with the square of the number of equal lines, and its shortcut
against that ignores common lines, which makes the changes larger than they are.
"""

# A search that has not met after so many steps in each direction goes on from the best place that it
# has found: changes may then be larger than needed, but the time stays within the number of lines
# times this.
STEPS_MAX = 256


class Walk:
    """How far each diagonal (position in a minus position in b) has been reached from one end.

    The list is as long as there are diagonals, and those below 0 stand at its end, where Python's
    negative indexes find them.
    """

    def __init__(self, diagonals, nowhere):
        self.reached = [nowhere] * diagonals
        self.nowhere = nowhere

    def start(self, diagonal, position):
        self.reached[diagonal] = position
        self.low = self.high = diagonal

    def widen(self, low, high):
        """The diagonals of the next step: every second one, inside of low and high."""
        if self.low > low:
            self.low -= 1
            self.reached[self.low - 1] = self.nowhere
        else:
            self.low += 1
        if self.high < high:
            self.high += 1
            self.reached[self.high + 1] = self.nowhere
        else:
            self.high -= 1
        return range(self.high, self.low - 1, -2)


def find_middle(a, b, box, ahead, back):
    """A point on a shortest way through the box, and not one of its corners.

    box is (start in a, end in a, start in b, end in b), its first and its last elements differ. Two
    walks, from its start and from its end, meet there.
    """
    a_start, a_end, b_start, b_end = box
    low, high = a_start - b_end, a_end - b_start
    ahead.start(a_start - b_start, a_start)
    back.start(a_end - b_end, a_end)
    meets_ahead = (ahead.low - back.low) % 2 == 1
    for _ in range(STEPS_MAX):
        reached, opposite = ahead.reached, back.reached
        for k in ahead.widen(low, high):
            i = max(reached[k - 1] + 1, reached[k + 1])
            while i < a_end and i - k < b_end and a[i] == b[i - k]:
                i += 1
            reached[k] = i
            if meets_ahead and back.low <= k <= back.high and opposite[k] <= i:
                return i, i - k
        reached, opposite = opposite, reached
        for k in back.widen(low, high):
            i = min(reached[k - 1], reached[k + 1] - 1)
            while i > a_start and i - k > b_start and a[i - 1] == b[i - k - 1]:
                i -= 1
            reached[k] = i
            if not meets_ahead and ahead.low <= k <= ahead.high and opposite[k] >= i:
                return i, i - k
    return find_best(box, ahead)


def find_best(box, ahead):
    """Where the walk from the start has got furthest; past a border of the box counts as on it."""
    _, a_end, _, b_end = box
    places = [(min(ahead.reached[k], a_end, b_end + k), k)
              for k in range(ahead.low, ahead.high + 1, 2)]
    return max(((i, i - k) for i, k in places), key=sum)


def mark(a, b, a_changed, b_changed):
    """Calls a_changed and b_changed with each range that has no partner in the other sequence."""
    diagonals = len(a) + len(b) + 3
    ahead, back = Walk(diagonals, -1), Walk(diagonals, len(a) + len(b) + 1)
    boxes = [(0, len(a), 0, len(b))]
    while boxes:
        a_start, a_end, b_start, b_end = boxes.pop()
        while a_start < a_end and b_start < b_end and a[a_start] == b[b_start]:
            a_start += 1
            b_start += 1
        while a_start < a_end and b_start < b_end and a[a_end - 1] == b[b_end - 1]:
            a_end -= 1
            b_end -= 1
        if a_start == a_end or b_start == b_end:
            a_changed(a_start, a_end)
            b_changed(b_start, b_end)
        else:
            i, j = find_middle(a, b, (a_start, a_end, b_start, b_end), ahead, back)
            boxes += (i, a_end, j, b_end), (a_start, i, b_start, j)


def find_flags(a, b):
    """For each element of a, and of b, whether it has no partner.

    What the other sequence does not have at all needs no search.
    """
    a_flags, b_flags = bytearray(b'\1') * len(a), bytearray(b'\1') * len(b)
    in_a, in_b = set(a), set(b)
    a_kept = [i for i, element in enumerate(a) if element in in_b]
    b_kept = [j for j, element in enumerate(b) if element in in_a]
    a_common, b_common = [a[i] for i in a_kept], [b[j] for j in b_kept]
    a_lonely, b_lonely = bytearray(len(a_kept)), bytearray(len(b_kept))

    def a_changed(start, end):
        a_lonely[start:end] = b'\1' * (end - start)

    def b_changed(start, end):
        b_lonely[start:end] = b'\1' * (end - start)

    mark(a_common, b_common, a_changed, b_changed)
    for i, flag in zip(a_kept, a_lonely):
        a_flags[i] = flag
    for j, flag in zip(b_kept, b_lonely):
        b_flags[j] = flag
    return a_flags, b_flags


def collect(a_flags, b_flags):
    """The changes that the flags say, in order."""
    changes, i, j = [], 0, 0
    while i < len(a_flags) or j < len(b_flags):
        a_start, b_start = i, j
        while i < len(a_flags) and a_flags[i]:
            i += 1
        while j < len(b_flags) and b_flags[j]:
            j += 1
        if i > a_start or j > b_start:
            changes.append((a_start, i, b_start, j))
        else:
            i += 1
            j += 1
    return changes


def measure_slide(a, b, change, room, step):
    """By how many elements, at most room, a change can move: what it leaves equals what it takes in.

    Only a change that just removes or just adds can.
    """
    a_start, a_end, b_start, b_end = change
    if a_start < a_end and b_start < b_end:
        return 0
    text, start, end = (a, a_start, a_end) if a_start < a_end else (b, b_start, b_end)
    if step < 0:
        start, end = start - 1, end - 1
    count = 0
    while count < room and text[start] == text[end]:
        start, end, count = start + step, end + step, count + 1
    return count


def settle(a, b, changes):
    """Moves changes where people expect them, as GNU diff does: to another change if there is one to
    reach, which makes one of the two, else as far down as possible."""
    up = []
    for change in changes:
        while up:
            a_start, a_end, b_start, b_end = change
            room = a_start - up[-1][1]
            if measure_slide(a, b, change, room, -1) < room:
                break
            before = up.pop()
            change = before[0], a_end - room, before[2], b_end - room
        up.append(change)
    down = []
    for change in reversed(up):
        while True:
            room = (down[-1][0] if down else len(a)) - change[1]
            count = measure_slide(a, b, change, room, 1)
            change = tuple(place + count for place in change)
            if not down or count < room:
                break
            behind = down.pop()
            change = change[0], behind[1], change[2], behind[3]
        down.append(change)
    return down[::-1]


def find_changes(a, b):
    """[(start in a, end in a, start in b, end in b), …]: what is removed from a, what b has instead.

    The elements are hashable. Between the changes a and b are equal.
    """
    return settle(a, b, collect(*find_flags(a, b)))
