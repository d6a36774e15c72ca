"""The benches, listed and run: ``python -m bench`` lists them, ``python -m bench dedup recipes`` runs the two.

    $ python -m bench
    dedup         Measure near-duplicate removal: …
    $ python -m bench generation -- --corpus corpora/the-lantern-ferry     what follows -- goes to the bench

A bench is a module of this folder with a ``main``; its first line says what it measures, its result is bench/results/.
"""

import argparse
import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def benches() -> dict[str, str]:
    """Names of the benches, each with the first line of its docstring (read, not imported: imports take seconds)."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        runnable = any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in tree.body)
        if runnable and path.stem != "__main__":
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main(arguments: list[str] | None = None) -> int:
    """List the benches, or run those named, each in a process of its own; return the worst exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    names, options = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    found = benches()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run benches; without a name, list them.")
    parser.add_argument("bench", nargs="*", help=f"one or several of: {', '.join(found)}")
    wanted = parser.parse_args(names).bench
    if unknown := [name for name in wanted if name not in found]:
        parser.error(f"{unknown[0]}: no such bench; choose from {', '.join(found)}")
    if not wanted:
        print("\n".join(f"{name:<14}{said}" for name, said in found.items()))
        return 0
    return max(subprocess.run([sys.executable, "-m", f"bench.{name}", *options]).returncode for name in wanted)


if __name__ == "__main__":
    sys.exit(main())
