"""Run the benchmarks: `python -m benchmarks`."""

from benchmarks.threads import with_equal_threads

with_equal_threads()  # before any library reads how many it may use

from benchmarks.bench import main  # noqa: E402

main()
