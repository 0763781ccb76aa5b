"""Bandwidth of the kernels over vocabularies, beside a copy, eager PyTorch and torch.compile, in one run. Writes a table in Markdown."""

import datetime
import statistics
import sys

import torch

from card import Card, Program
from exported import calls

SHAPES = [(16384, 32000), (8192, 128256)]
# What is measured, by the name of its first configuration, and the method as PyTorch spells it.
OBJECTIVES = ["PreferenceFromLogits.Dpo", "Distillation.ForwardKl", "PolicyGradientFromLogits.Grpo"]


def seconds(run, rounds=20):
    for _ in range(3):
        run()
    times = []
    for _ in range(rounds):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return statistics.median(times)


def copy_bandwidth():
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / seconds(lambda: target.copy_(source))


def opponents(objective, logits, labels):
    """Eager methods of the same work: forward and backward."""
    def token_loss(x):
        logp = torch.log_softmax(x.float(), -1)
        if objective.startswith("Distillation"):
            return (logp.exp() * (logp - torch.log_softmax(x.detach().float().roll(1, 0), -1))).sum(-1).mean()
        chosen = logp.gather(-1, labels[:, None])[:, 0]
        if objective.startswith("PolicyGradient"):
            return -(torch.exp(chosen - chosen.detach()) * torch.linspace(-1, 1, len(chosen), device="cuda")).mean()
        first, second = chosen.chunk(2)
        return -torch.nn.functional.logsigmoid(0.1 * (first - second)).mean()

    def both(f):
        def run():
            logits.grad = None
            f(logits).backward()
        return run

    return both(token_loss), both(torch.compile(token_loss))


def spread(call, rows, vocab):
    """The sizes of the call's axes: the vocabulary, and rows shared out over the outermost of the others."""
    wide = [b for b in call["buffers"] if len(b["extents"]) > 1 and b["role"] == "Parameter" and b["type"] in ("Float32", "BFloat16")]
    sizes = wide[0]["extents"]
    extents = [1] * len(call["extents"])
    vocab_axis = sizes[-1]["terms"][0][0]
    extents[vocab_axis] = vocab
    axis, times = sizes[0]["terms"][0]
    extents[axis] = rows // times
    return extents, vocab_axis


def fill(program, vocab):
    """Inputs of the exported call's kinds at the new sizes."""
    from card import DTYPES
    for i, buffer in enumerate(program.call["buffers"]):
        if buffer["role"] != "Parameter" or "type" not in buffer:
            continue
        shape, dtype = program.shape(buffer), DTYPES[buffer["type"]]
        if dtype.is_floating_point:
            program.tensors[i] = torch.randn(shape, dtype=torch.float32, device="cuda").to(dtype) if len(shape) < 2 else torch.empty(shape, dtype=dtype, device="cuda").normal_()
        elif dtype == torch.bool:
            program.tensors[i] = torch.ones(shape, dtype=dtype, device="cuda")
        else:
            program.tensors[i] = torch.randint(0, vocab if "abel" in buffer["name"] else 2, shape, device="cuda").to(dtype)


def main(path, table):
    card = Card()
    first = {}
    for prelude, call in calls(path):
        first.setdefault((call["name"].split("(")[0], call["dtype"]), call)
    bandwidth = copy_bandwidth()
    rows_of_table = [
        f"Measured on {card.name}, {datetime.date.today()}, PyTorch {torch.__version__}; a copy moves {bandwidth / 1e12:.2f} TB/s.",
        "",
        "| work | dtype | logits | ms | of copy | times eager | times torch.compile | peak memory, of the logits |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for objective in OBJECTIVES:
        for dtype in ("BFloat16", "Float32"):
            for rows, vocab in SHAPES:
                call = first.get((objective, dtype))
                if call is None:
                    rows_of_table.append(f"| {objective} | {dtype} | [{rows}, {vocab}] | not exported |  |  |  |  |")
                    continue
                torch.cuda.empty_cache()
                extents, _ = spread(call, rows, vocab)
                program = Program(card, prelude, call, extents)
                fill(program, vocab)
                program.allocate()
                bytes_moved = sum(
                    t.numel() * t.element_size() * (2 if b["role"] == "Parameter" else 1)
                    for t, b in zip(program.tensors, call["buffers"]) if t is not None and b["role"] in ("Parameter", "Gradient") and t.dim() > 1)
                before = torch.cuda.memory_allocated()
                torch.cuda.reset_peak_memory_stats()
                ours = seconds(program.run)
                logits = max((t for t, b in zip(program.tensors, call["buffers"]) if t is not None and b["role"] == "Parameter"), key=lambda t: t.numel())
                gradients = sum(t.numel() * t.element_size() for t, b in zip(program.tensors, call["buffers"]) if t is not None and b["role"] == "Gradient")
                peak = (torch.cuda.max_memory_allocated() - before + gradients) / (logits.numel() * logits.element_size())
                leaf = logits.reshape(-1, vocab).detach().requires_grad_(True)
                labels = torch.randint(0, vocab, (leaf.shape[0],), device="cuda")
                del program
                eager, compiled = opponents(objective, leaf, labels)
                ratios = []
                for opponent in (eager, compiled):
                    try:
                        ratios.append(f"{seconds(opponent, 5) / ours:.2f}")
                    except torch.OutOfMemoryError:
                        ratios.append("out of memory")
                    torch.cuda.empty_cache()
                rows_of_table.append(
                    f"| {objective} | {dtype} | [{rows}, {vocab}] | {ours * 1e3:.2f} | {bytes_moved / ours / bandwidth:.2f} | {ratios[0]} | {ratios[1]} | {peak:.2f} |")
    text = "\n".join(rows_of_table) + "\n"
    print(text)
    with open(table, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "table.md")
