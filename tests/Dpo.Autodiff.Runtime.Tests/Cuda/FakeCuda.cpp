// A CUDA driver with two cards, and an NVRTC, that remember what they were asked. Compiled modules are the kernels' names.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

struct program
{
    std::string source, name, log, image;
};

struct state
{
    long long compilations, loads, launches, contextChanges, lastStream;
    long long current, capability, architectures, refusesBinaries, launchResult, synchroniseResult;
    long long grid, block, shared, attribute, parameters[8];
    char options[256];
    char function[64];
};

static state now;
static std::vector<std::string *> functions;

#define EXPORT extern "C" __attribute__((visibility("default")))
EXPORT state *fake_state() { return &now; }

EXPORT int cuInit(unsigned) { return 0; }
EXPORT int cuDeviceGet(int *device, int index) { *device = index + 100; return index < 2 ? 0 : 101; }
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = attribute == 75 ? (int)now.capability / 10 : attribute == 76 ? (int)now.capability % 10 : attribute == 16 ? 7 + device - 100 : -1;
    return *value < 0 ? 1 : 0;
}

EXPORT int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Fake %d", device - 100); return 0; }
EXPORT int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(long long)(device + 1000); return 0; }
EXPORT int cuCtxSetCurrent(void *context) { now.current = (long long)context; now.contextChanges++; return 0; }
EXPORT int cuCtxGetCurrent(void **context) { *context = (void *)now.current; return 0; }
EXPORT int cuCtxSynchronize() { return (int)now.synchroniseResult; }
EXPORT int cuMemHostAlloc(void **memory, size_t bytes, unsigned flags) { *memory = malloc(bytes); memset(*memory, 0xff, bytes); return flags == 3 ? 0 : 1; }
EXPORT int cuModuleLoadData(void **module, const void *image)
{
    if (now.current == 0)
        return 201;
    if (now.refusesBinaries && strncmp((const char *)image, "image", 5) != 0)
        return 200;
    now.loads++;
    *module = new std::string((const char *)image);
    return 0;
}

EXPORT int cuModuleGetFunction(void **function, void *module, const char *name)
{
    if (((std::string *)module)->find(std::string(" ") + name + " ") == std::string::npos)
        return 500;
    functions.push_back(new std::string(name));
    *function = functions.back();
    return 0;
}

EXPORT int cuFuncSetAttribute(void *, int attribute, int value) { now.attribute = attribute * 1000000LL + value; return 0; }
EXPORT int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **parameters, void **extra)
{
    if (gy != 1 || gz != 1 || by != 1 || bz != 1 || extra)
        return 1;
    now.launches++;
    now.grid = gx;
    now.block = bx;
    now.shared = shared;
    now.lastStream = (long long)stream;
    snprintf(now.function, sizeof now.function, "%s on %lld", ((std::string *)function)->c_str(), now.current);
    for (int i = 0; i < 3; i++)
        now.parameters[i] = *(long long *)parameters[i];
    return (int)now.launchResult;
}

EXPORT int cuGetErrorName(int error, const char **name)
{
    *name = error == 701 ? "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES" : error == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : error == 101 ? "CUDA_ERROR_INVALID_DEVICE" : error == 500 ? "CUDA_ERROR_NOT_FOUND" : nullptr;
    return *name ? 0 : 1;
}

EXPORT int cuGetErrorString(int error, const char **text) { *text = error == 701 ? "too many resources requested for launch" : nullptr; return *text ? 0 : 1; }

EXPORT int nvrtcVersion(int *major, int *minor) { *major = 12; *minor = 8; return 0; }
EXPORT const char *nvrtcGetErrorString(int) { return "NVRTC_ERROR"; }
EXPORT int nvrtcGetNumSupportedArchs(int *count) { *count = (int)now.architectures; return 0; }
EXPORT int nvrtcGetSupportedArchs(int *all)
{
    for (int i = 0; i < now.architectures; i++)
        all[i] = 70 + 10 * i;
    return 0;
}

EXPORT int nvrtcCreateProgram(program **result, const char *source, const char *name, int headers, const char **, const char **)
{
    *result = new program{source, name, "", ""};
    return headers;
}

EXPORT int nvrtcDestroyProgram(program **p) { delete *p; *p = nullptr; return 0; }
EXPORT int nvrtcCompileProgram(program *p, int count, const char **options)
{
    now.compilations++;
    now.options[0] = 0;
    for (int i = 0; i < count; i++)
    {
        strcat(now.options, options[i]);
        strcat(now.options, " ");
    }

    size_t error = p->source.find("no_such_function");
    if (error != std::string::npos)
    {
        int line = 1;
        for (size_t i = 0; i < error; i++)
            line += p->source[i] == '\n';
        p->log = p->name + "(" + std::to_string(line) + "): error: identifier \"no_such_function\" is undefined\n\n1 error detected in the compilation of \"" + p->name + "\".\n";
        return 6;
    }

    p->image = strstr(now.options, "compute_") ? "ptx " : "image ";
    for (size_t at = p->source.find("DPO_KERNEL("); at != std::string::npos; at = p->source.find("DPO_KERNEL(", at + 1))
        p->image += p->source.substr(at + 11, p->source.find(')', at) - at - 11) + " ";
    return 0;
}

EXPORT int nvrtcGetProgramLogSize(program *p, size_t *size) { *size = p->log.size() + 1; return 0; }
EXPORT int nvrtcGetProgramLog(program *p, char *log) { strcpy(log, p->log.c_str()); return 0; }
EXPORT int nvrtcGetCUBINSize(program *p, size_t *size) { *size = p->image.size() + 1; return 0; }
EXPORT int nvrtcGetCUBIN(program *p, char *image) { strcpy(image, p->image.c_str()); return 0; }
EXPORT int nvrtcGetPTXSize(program *p, size_t *size) { *size = p->image.size() + 1; return 0; }
EXPORT int nvrtcGetPTX(program *p, char *image) { strcpy(image, p->image.c_str()); return 0; }
