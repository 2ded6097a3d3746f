# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables that must come back from a job: expressions of pandas (pd) and numpy (np)."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

TIMES = ("pd.to_datetime(['2026-01-02 00:00:00.000000000', None, "
         "'2026-07-02 03:04:05.000000006'])")

FRAMES = {
    "plain": "pd.DataFrame({'i': [1, 2], 'f': [0.5, None], 's': ['ä', None], 'b': [True, False]})",
    "infinite": "pd.DataFrame({'f': [np.inf, -np.inf, np.nan], 'o': [np.inf, 'x', None]})",
    "small numbers": "pd.DataFrame({'a': np.array([1], 'u1'), 'b': np.array([1.5], 'f4'), "
                     "'c': np.array([2**64 - 1], 'u8')})",
    "nullable": "pd.DataFrame({'i': pd.array([1, None], 'Int64'), 's': pd.array(['a', None], 'string'),"
                " 'b': pd.array([True, None], 'boolean'), 'f': pd.array([np.inf, None], 'Float64')})",
    "times": f"pd.DataFrame({{'t': {TIMES}, 'z': {TIMES}.tz_localize('Europe/Berlin'), "
             f"'u': {TIMES}.tz_localize('UTC')}})",
    "times with an offset": f"pd.DataFrame({{'t': {TIMES}.tz_localize('UTC+02:00')}})",
    "times with an odd offset": f"pd.DataFrame({{'t': {TIMES}.tz_localize('UTC-03:30')}})",
    "timedelta": "pd.DataFrame({'t': pd.to_timedelta([1, -2, None, 10**15 + 3], 'ns')})",
    "period": "pd.DataFrame({f: pd.period_range('2026-01-31', periods=2, freq=f) for f in 'DMQW'})"
              ".set_axis([0, 1])",
    "missing period": "pd.DataFrame({'p': pd.PeriodIndex(['2026-01', None], freq='M')})",
    "categories": "pd.DataFrame({'c': pd.Categorical(['y', 'x', None], ['y', 'x', 'z'], ordered=True), "
                  "'n': pd.Categorical([2, 1, 2]), 't': pd.Categorical(" + TIMES + ")})",
    "categories of intervals": "pd.DataFrame({'c': pd.cut(pd.Series([1, 5, 9, None]), 3)})",
    "interval": "pd.DataFrame({'i': pd.arrays.IntervalArray.from_breaks([0, 1, 2], 'left'), "
                "'t': pd.interval_range(pd.Timestamp('2026-01-01'), periods=2).array})",
    "missing interval": "pd.DataFrame({'i': pd.arrays.IntervalArray.from_tuples([(0, 1), None])})",
    "complex": "pd.DataFrame({'c': [1 - 2j, complex('nan'), complex(np.inf, 0)]})",
    "complex and bytes among others": "pd.DataFrame({'c': [1 - 2j, b'\\xff', 'x']})",
    "the same name twice": "pd.DataFrame([[1, 'x', 0.5]], columns=['a', 'a', 'a'])",
    "numbers as names": "pd.DataFrame({1: [1], 0: ['x'], 2.5: [True]})",
    "columns of numbers": "pd.DataFrame([[1, 'x']], columns=[1, 0])",
    "columns of times": "pd.DataFrame([[1, 2, 3]], columns=" + TIMES + ")",
    "MultiIndex": "pd.DataFrame({'v': [1, 2]}, pd.MultiIndex.from_arrays("
                  "[['a', 'b'], pd.to_datetime(['2026-01-02', '2026-01-03'])], names=['n', None]))",
    "MultiIndex with numbers as names": "pd.DataFrame({'v': [1]}, pd.MultiIndex.from_arrays("
                                        "[['a'], [5]], names=[1, 0]))",
    "MultiIndex of columns": "pd.DataFrame([[1, 'x']], columns=pd.MultiIndex.from_product("
                             "[['a'], [1, 2]]))",
    "grouped": "pd.DataFrame({'k': ['x', 'y', 'x'], 'v': [1, 2, 3]}).groupby('k').agg(['sum', 'mean'])",
    "DatetimeIndex": "pd.DataFrame({'v': [1, 2, 3]}, pd.Index(" + TIMES + ", name='t'))",
    "index with a zone": "pd.DataFrame({'v': [1, 2, 3]}, " + TIMES + ".tz_localize('Asia/Tokyo'))",
    "index of categories": "pd.DataFrame({'v': [1, 2]}, pd.CategoricalIndex(['x', 'y']))",
    "index of numbers": "pd.DataFrame({'v': [1, 2]}, [0.5, np.inf])",
    "empty": "pd.DataFrame()",
    "no rows": "pd.DataFrame({'a': [1], 't': pd.to_datetime(['2026-01-02']), 'z': pd.to_datetime("
               "['2026-01-02']).tz_localize('UTC'), 'c': pd.Categorical(['x'])}).iloc[:0]",
    "no columns": "pd.DataFrame(index=['x', 'y'])",
    "sparse": "pd.DataFrame({'s': pd.arrays.SparseArray([0, 0, 1])})",
}

SERIES = {
    "series": "pd.Series([1.5, None, np.inf], ['x', 'y', 'z'], name='n')",
    "series of times": "pd.Series(" + TIMES + ", name=5)",
    "series of counts": "pd.Series(['x', 'y', 'x']).value_counts()",
}


def documented_decoder():
    """decode() of docs/RESULTS.md, as a reader would copy it."""
    with open(f"{ROOT}/docs/RESULTS.md", encoding="utf-8") as file:
        code = file.read().split("```python\n")[1].split("```")[0]
    names = {}
    exec(compile(code, "docs/RESULTS.md", "exec"), names)
    return names["decode"]
