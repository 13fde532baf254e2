// The entry points, as a program that links with the library sees them. Names and signatures are those of the CUDA driver, then come the
// few functions of the soft GPU itself.
#pragma once

#include "api.h"

SOFTGPU_API CUresult cuInit(unsigned flags);
SOFTGPU_API CUresult cuDriverGetVersion(int* version);
SOFTGPU_API CUresult cuDeviceGet(CUdevice* device, int ordinal);
SOFTGPU_API CUresult cuDeviceGetCount(int* count);
SOFTGPU_API CUresult cuDeviceGetName(char* name, int bytes, CUdevice device);
SOFTGPU_API CUresult cuDeviceGetAttribute(int* value, int number, CUdevice device);
SOFTGPU_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device);
SOFTGPU_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device);
SOFTGPU_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device);
SOFTGPU_API CUresult cuDeviceGetPCIBusId(char* text, int bytes, CUdevice device);
SOFTGPU_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer);
SOFTGPU_API CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice number);
SOFTGPU_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice number);
SOFTGPU_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice number);
SOFTGPU_API CUresult cuDevicePrimaryCtxGetState(CUdevice number, unsigned* flags, int* active);
SOFTGPU_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice number, unsigned flags);
SOFTGPU_API CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice number);
SOFTGPU_API CUresult cuCtxDestroy_v2(CUcontext handle);
SOFTGPU_API CUresult cuCtxSetCurrent(CUcontext handle);
SOFTGPU_API CUresult cuCtxGetCurrent(CUcontext* context);
SOFTGPU_API CUresult cuCtxPushCurrent_v2(CUcontext handle);
SOFTGPU_API CUresult cuCtxPopCurrent_v2(CUcontext* context);
SOFTGPU_API CUresult cuCtxGetDevice(CUdevice* device);
SOFTGPU_API CUresult cuCtxGetFlags(unsigned* flags);
SOFTGPU_API CUresult cuCtxSynchronize();
SOFTGPU_API CUresult cuCtxGetApiVersion(CUcontext, unsigned* version);
SOFTGPU_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest);
SOFTGPU_API CUresult cuCtxGetLimit(size_t* value, int limit);
SOFTGPU_API CUresult cuCtxSetLimit(int limit, size_t value);
SOFTGPU_API CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags);
SOFTGPU_API CUresult cuCtxDisablePeerAccess(CUcontext peer);
SOFTGPU_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, const int* options, void** values);
SOFTGPU_API CUresult cuModuleLoadData(CUmodule* module, const void* image);
SOFTGPU_API CUresult cuModuleUnload(CUmodule handle);
SOFTGPU_API CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name);
SOFTGPU_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule handle, const char* name);
SOFTGPU_API CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction handle);
SOFTGPU_API CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value);
SOFTGPU_API CUresult cuFuncSetCacheConfig(CUfunction handle, int config);
SOFTGPU_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle, int threads, size_t dynamic);
SOFTGPU_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction handle, int threads, size_t dynamic,
                                                                          unsigned flags);
SOFTGPU_API CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction handle, CUoccupancyB2DSize dynamic_of,
                                                      size_t dynamic, int limit);
SOFTGPU_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes);
SOFTGPU_API CUresult cuMemFree_v2(CUdeviceptr address);
SOFTGPU_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total);
SOFTGPU_API CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream handle);
SOFTGPU_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle);
SOFTGPU_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr address);
SOFTGPU_API CUresult cuMemHostAlloc(void** memory, size_t bytes, unsigned);
SOFTGPU_API CUresult cuMemAllocHost_v2(void** memory, size_t bytes);
SOFTGPU_API CUresult cuMemFreeHost(void* memory);
SOFTGPU_API CUresult cuMemHostRegister_v2(void* memory, size_t bytes, unsigned);
SOFTGPU_API CUresult cuMemHostUnregister(void* memory);
SOFTGPU_API CUresult cuPointerGetAttribute(void* value, int attribute, CUdeviceptr address);
SOFTGPU_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes);
SOFTGPU_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes);
SOFTGPU_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes);
SOFTGPU_API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes);
SOFTGPU_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream handle);
SOFTGPU_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream handle);
SOFTGPU_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle);
SOFTGPU_API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle);
SOFTGPU_API CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t bytes,
                                       CUstream handle);
SOFTGPU_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count);
SOFTGPU_API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count);
SOFTGPU_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count);
SOFTGPU_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream handle);
SOFTGPU_API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream handle);
SOFTGPU_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream handle);
SOFTGPU_API CUresult cuStreamCreate(CUstream* stream, unsigned flags);
SOFTGPU_API CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority);
SOFTGPU_API CUresult cuStreamDestroy_v2(CUstream handle);
SOFTGPU_API CUresult cuStreamSynchronize(CUstream handle);
SOFTGPU_API CUresult cuStreamQuery(CUstream handle);
SOFTGPU_API CUresult cuStreamGetPriority(CUstream handle, int* priority);
SOFTGPU_API CUresult cuStreamGetFlags(CUstream handle, unsigned* flags);
SOFTGPU_API CUresult cuStreamGetCtx(CUstream handle, CUcontext* owner);
SOFTGPU_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data);
SOFTGPU_API CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* data, unsigned flags);
SOFTGPU_API CUresult cuEventCreate(CUevent* handle, unsigned flags);
SOFTGPU_API CUresult cuEventDestroy_v2(CUevent handle);
SOFTGPU_API CUresult cuEventRecord(CUevent handle, CUstream stream_handle);
SOFTGPU_API CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned flags);
SOFTGPU_API CUresult cuEventSynchronize(CUevent handle);
SOFTGPU_API CUresult cuEventQuery(CUevent handle);
SOFTGPU_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start_handle, CUevent end_handle);
SOFTGPU_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode);
SOFTGPU_API CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode);
SOFTGPU_API CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph);
SOFTGPU_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status);
SOFTGPU_API CUresult cuStreamGetCaptureInfo(CUstream handle, CUstreamCaptureStatus* status, uint64_t* number);
SOFTGPU_API CUresult cuStreamGetCaptureInfo_v2(CUstream handle, CUstreamCaptureStatus* status, uint64_t* number, CUgraph* graph,
                                               const CUgraphNode** dependencies, size_t* count);
SOFTGPU_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long);
SOFTGPU_API CUresult cuGraphInstantiate_v2(CUgraphExec* exec, CUgraph graph, CUgraphNode* node, char* log, size_t bytes);
SOFTGPU_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle);
SOFTGPU_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream);
SOFTGPU_API CUresult cuGraphExecDestroy(CUgraphExec handle);
SOFTGPU_API CUresult cuGraphDestroy(CUgraph handle);
SOFTGPU_API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count);
SOFTGPU_API CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                    unsigned block_y, unsigned block_z, unsigned dynamic_shared, CUstream stream_handle, void** parameters,
                                    void** extra);
SOFTGPU_API CUresult cuGetErrorName(CUresult result, const char** text);
SOFTGPU_API CUresult cuGetErrorString(CUresult result, const char** text);
SOFTGPU_API CUresult cuGetProcAddress(const char* symbol, void** address, int version, uint64_t);
SOFTGPU_API CUresult cuGetProcAddress_v2(const char* symbol, void** address, int version, uint64_t, int* status);

SOFTGPU_API int softgpuConfigure(const char* name, const char* value);
SOFTGPU_API long softgpuTakeFindings(char* text, size_t bytes);
SOFTGPU_API long softgpuTakeCounters(char* text, size_t bytes);
SOFTGPU_API void softgpuFailNext(const char* function, int result, int skip);
