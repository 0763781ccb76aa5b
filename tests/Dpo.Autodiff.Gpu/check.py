"""Runs every exported call on the card and compares it with what PyTorch's float64 made of the same inputs."""

import base64
import sys

import torch

from card import DTYPES, Card, Program
from exported import calls

TOLERANCE = {"Float64": 1e-10, "Float32": 4e-6, "BFloat16": 2.0**-8}


def tensor(data, dtype, shape):
    raw = bytearray(base64.b64decode(data))
    if not raw:
        return torch.zeros(shape, dtype=dtype, device="cuda")
    return torch.frombuffer(raw, dtype=torch.uint8).view(dtype).reshape(shape).cuda()


def compare(program):
    """The largest difference of any output, as a share of what is allowed."""
    buffers = program.call["buffers"]
    expected = {i: tensor(b["expected"], torch.float64, program.shape(b)) for i, b in enumerate(buffers) if b.get("expected") and program.tensors[i] is not None}
    known = [program.tensors[i] for i, b in enumerate(buffers) if b["role"] == "Parameter" and program.tensors[i] is not None] + list(expected.values())
    finite = [t.double()[t.double().isfinite()].abs().max().item() for t in known if t.numel() and t.double().isfinite().any()]
    scale = max(finite or [1.0])
    worst = 0.0
    for i, truth in expected.items():
        actual = program.tensors[i].double()
        here = truth.isfinite()
        if not here.any():
            continue
        largest = truth[here].abs().max().item() if program.call["dtype"] == "BFloat16" else scale
        difference = (actual - truth)[here].abs().max().item()
        allowed = buffers[i].get("allowed") or TOLERANCE[program.call["dtype"]] * max(largest, 1e-300)
        worst = max(worst, float("inf") if difference != difference else difference / allowed)
    return worst


def bits(program):
    """The outputs, bit by bit."""
    outputs = [t for t, b in zip(program.tensors, program.call["buffers"]) if t is not None and b["role"] in ("Result", "Gradient")]
    return [t.reshape(-1).contiguous().view(torch.uint8).clone() for t in outputs if t.numel()]


def main(paths):
    card = Card()
    failures = count = 0
    for path in paths:
        for prelude, call in calls(path):
            what = f"{call['name']} {call['dtype']}, size {call['size']}"
            count += 1
            try:
                program = Program(card, prelude, call)
                for i, buffer in enumerate(call["buffers"]):
                    if "data" in buffer:
                        program.tensors[i] = tensor(buffer["data"], DTYPES[buffer["type"]], program.shape(buffer))
                program.allocate()
                program.run()
                torch.cuda.synchronize()
                first = bits(program)
                worst = compare(program)
                program.run()
                torch.cuda.synchronize()
                isSame = all(torch.equal(a, b) for a, b in zip(first, bits(program)))
                if worst > 1 or not isSame or program.fault[0].item():
                    failures += 1
                    print(f"FAILED {what}: {worst:.3g} of what is allowed{'' if isSame else ', and not the same twice'}, fault {program.fault.tolist()}")
            except RuntimeError as error:
                failures += 1
                print(f"FAILED {what}: {error}")
    print(f"{card.name}: {count - failures} of {count} calls agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
