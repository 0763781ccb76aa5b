"""The driver and NVRTC through ctypes, and a program's launches as the runtime makes them (Cuda/CudaCall.cs)."""

import ctypes
import glob
import os
import sys

import torch

from exported import arguments, block_and_grid, is_wanted, product, size_of

DTYPES = {
    "Float32": torch.float32, "Float64": torch.float64, "Float16": torch.float16, "BFloat16": torch.bfloat16,
    "Int64": torch.int64, "Int32": torch.int32, "Int16": torch.int16, "Int8": torch.int8, "Byte": torch.uint8, "Bool": torch.bool,
}


def check(result, what, text=""):
    if result != 0:
        raise RuntimeError(f"{what}: error {result} {text}")


def nvrtc():
    roots = [os.path.dirname(torch.__file__)] + sys.path + ["/usr/local/cuda"]
    for root in roots:
        for pattern in ("nvidia/*/lib/libnvrtc.so*", "lib/libnvrtc*.so*", "lib64/libnvrtc.so*"):
            for path in sorted(glob.glob(os.path.join(root, pattern))):
                if "builtins" not in path and ".alt." not in path:
                    return ctypes.CDLL(path)
    return ctypes.CDLL("libnvrtc.so")


class Card:
    def __init__(self):
        torch.cuda.init()
        torch.zeros(1, device="cuda")  # makes the primary context current
        self.driver = ctypes.CDLL("libcuda.so.1")
        self.compiler = nvrtc()
        properties = torch.cuda.get_device_properties(0)
        self.name = properties.name
        self.multiprocessors = properties.multi_processor_count
        self.architecture = f"sm_{properties.major}{properties.minor}"
        self.modules = {}

    def compile(self, text, name):
        program = ctypes.c_void_p()
        check(self.compiler.nvrtcCreateProgram(ctypes.byref(program), text.encode(), f"{name}.cu".encode(), 0, None, None), "create")
        options = (ctypes.c_char_p * 2)(f"--gpu-architecture={self.architecture}".encode(), b"--std=c++17")
        result = self.compiler.nvrtcCompileProgram(program, 2, options)
        size = ctypes.c_size_t()
        self.compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.compiler.nvrtcGetProgramLog(program, log)
        check(result, name, log.value.decode())
        check(self.compiler.nvrtcGetCUBINSize(program, ctypes.byref(size)), "size")
        image = ctypes.create_string_buffer(size.value)
        check(self.compiler.nvrtcGetCUBIN(program, image), "image")
        self.compiler.nvrtcDestroyProgram(ctypes.byref(program))
        module = ctypes.c_void_p()
        check(self.driver.cuModuleLoadData(ctypes.byref(module), image), "load")
        return module

    def module(self, text, name):
        if text not in self.modules:
            self.modules[text] = self.compile(text, name)
        return self.modules[text]

    def function(self, module, kernel):
        function = ctypes.c_void_p()
        check(self.driver.cuModuleGetFunction(ctypes.byref(function), module, kernel.encode()), kernel)
        return function

    def launch(self, function, grid, block, parameters):
        values = [ctypes.c_double(p) if isinstance(p, float) else ctypes.c_uint64(p & (2**64 - 1)) for p in parameters]
        places = (ctypes.c_void_p * len(values))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        check(self.driver.cuLaunchKernel(function, grid, 1, 1, block, 1, 1, 0, stream, places, None), "launch")


class Program:
    """One exported call, with tensors of one's own in place of its buffers."""

    def __init__(self, card, prelude, call, extents=None):
        self.card, self.call = card, call
        self.extents = extents or call["extents"]
        self.compute = torch.float64 if call["isDouble"] else torch.float32
        module = card.module(call["defines"] + "\n" + prelude + "\n" + call["source"], call["name"])
        self.functions = [card.function(module, step["kernel"]) if "kernel" in step else None for step in call["steps"]]
        self.fault = torch.zeros(4, dtype=torch.int64, device="cuda")
        self.tensors = [None] * len(call["buffers"])

    def kind(self, kind):
        return {"Integer": torch.int64, "Boolean": torch.bool}.get(kind, self.compute)

    def shape(self, buffer):
        return [size_of(s, self.extents) for s in buffer["extents"]]

    def wants(self, buffer):
        return buffer["role"] != "Gradient" or self.call["needs"] >> buffer["gradient"] & 1

    def allocate(self):
        for i, buffer in enumerate(self.call["buffers"]):
            if self.tensors[i] is None and buffer["role"] not in ("Parameter", "Upstream") and self.wants(buffer):
                dtype = DTYPES[buffer["type"]] if "type" in buffer else self.kind(buffer["kind"])
                self.tensors[i] = torch.empty(self.shape(buffer), dtype=dtype, device="cuda")

    def run(self):
        call, card = self.call, self.card
        grids, pieces = {}, {}
        for s, step in enumerate(call["steps"]):
            if not is_wanted(step, call["needs"]):
                continue
            if "contract" in step:
                left, right, result = (self.tensors[b] for b in step["buffers"])
                if result is not None:
                    result.copy_(torch.einsum(step["contract"], left.to(self.compute), right.to(self.compute)))
                continue
            if "sort" in step:
                source, values, permutation = (self.tensors[b] for b in step["buffers"])
                ordered, order = source.flatten().sort(0, descending=step["sort"], stable=True)
                if values is not None:
                    values.flatten().copy_(ordered)
                if permutation is not None:
                    permutation.flatten().copy_(order)
                continue
            block, grid = block_and_grid(step, self.extents, card.multiprocessors)
            grids[s] = grid
            if grid == 0:
                continue
            for w, workspace in enumerate(call["workspaces"]):
                if workspace["launch"] == s:
                    pieces[w] = torch.empty(grid * product(workspace["extents"], self.extents), dtype=self.kind(workspace["kind"]), device="cuda")
            parameters = []
            for kind, index in arguments(step):
                if kind == "b":
                    parameters.append(0 if self.tensors[index] is None else self.tensors[index].data_ptr())
                elif kind == "w":
                    parameters.append(pieces[index].data_ptr())
                elif kind == "g":
                    parameters.append(grids[call["workspaces"][index]["launch"]])
                elif kind == "n":
                    parameters.append(self.extents[index])
                elif kind == "s":
                    parameters.append(float(call["scalars"][index].replace("Infinity", "inf")))
                elif kind == "u":
                    parameters.append(float(call["absentUpstream"]))
                else:
                    parameters.append(self.fault.data_ptr() if kind == "f" else 1)
            card.launch(self.functions[s], grid, block, parameters)
