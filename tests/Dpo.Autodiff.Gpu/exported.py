"""What an export holds: its calls, and the sizes of their buffers and launches. As a program, reads exports and says whether they hold together."""

import base64
import collections
import gzip
import json
import sys

BYTES = {
    "Float64": 8, "Float32": 4, "Float16": 2, "BFloat16": 2, "Int64": 8, "Int32": 4, "Int16": 2, "Int8": 1, "Byte": 1, "Bool": 1,
}


def calls(path):
    """The prelude and each call of a file."""
    with gzip.open(path, "rt") as lines:
        prelude = json.loads(next(lines))["prelude"]
        for line in lines:
            yield prelude, json.loads(line)


def size_of(size, extents):
    return max(0, size["constant"] + sum(k * extents[axis] for axis, k in size["terms"]))


def product(sizes, extents):
    result = 1
    for size in sizes:
        result *= size_of(size, extents)
    return result


def row_threads(longest):
    return 32 if longest <= 128 else 128 if longest <= 1024 else 256 if longest <= 8192 else 512


def is_wanted(step, needs):
    return not step["gradients"] or step["gradients"] & needs != 0


def block_and_grid(step, extents, multiprocessors):
    """As Cuda/CudaCall.cs launches."""
    items = product(step["items"], extents)
    is_row = step["grid"] == "Rows" or step["grid"] == "Block" and step["row"]
    block = row_threads(max([size_of(r, extents) for r in step["row"]] or [0])) if is_row else 256
    most = multiprocessors * max(1, 2048 // block)
    grid = {"Elements": min((items + block - 1) // block, most), "Rows": min(items, most), "Owners": multiprocessors}.get(step["grid"], 1)
    return block, grid


def arguments(step):
    return [(a[0], int(a[1:] or 0)) for a in step["arguments"].split()]


def problems(call):
    """What of a call does not fit together."""
    extents, buffers = call["extents"], call["buffers"]
    for buffer in buffers:
        count = product(buffer["extents"], extents)
        if "data" in buffer and len(base64.b64decode(buffer["data"])) != count * BYTES[buffer["type"]]:
            yield f"{buffer['name']} has not {count} elements of {buffer['type']}"
        if buffer.get("expected") is not None and len(base64.b64decode(buffer["expected"])) != count * 8:
            yield f"{buffer['name']} has not {count} expected elements"
        if buffer["role"] == "Parameter" and "data" not in buffer and any(("b", buffers.index(buffer)) in arguments(s) for s in call["steps"] if "kernel" in s):
            yield f"{buffer['name']} has no data"
    if not any(b.get("expected") for b in buffers):
        yield "nothing is expected"
    for step in call["steps"]:
        if "kernel" not in step:
            continue
        head = call["source"].partition(f"DPO_KERNEL({step['kernel']})(")[2].partition(")\n")[0]
        if len(head.split(", ")) != len(arguments(step)):
            yield f"{step['kernel']} has not {len(arguments(step))} parameters"
        limits = {"b": len(buffers), "w": len(call["workspaces"]), "g": len(call["workspaces"]), "n": len(extents), "s": len(call["scalars"])}
        for kind, index in arguments(step):
            if index >= limits.get(kind, 1):
                yield f"{step['kernel']} has an argument {kind}{index}"
        if is_wanted(step, call["needs"]) and block_and_grid(step, extents, 100)[1] < 0:
            yield f"{step['kernel']} has no grid"
    for scalar in call["scalars"]:
        float(scalar.replace("Infinity", "inf"))


def main(paths):
    wrong = 0
    for path in paths:
        kinds = collections.Counter()
        kernels = set()
        for _, call in calls(path):
            kinds[call["dtype"]] += 1
            kernels.update((call["source"], s["kernel"]) for s in call["steps"] if "kernel" in s)
            for problem in problems(call):
                wrong += 1
                print(f"{call['name']} {call['dtype']}, size {call['size']}: {problem}")
        print(f"{path}: {sum(kinds.values())} calls ({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}), {len(kernels)} kernels")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
