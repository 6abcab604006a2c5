# How the files here were made: python make.py, with numpy 2.4.6, ml_dtypes 0.6.0 and safetensors 0.8.0.
# No test runs this.
import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

small = {
    "f8_e4m3": ml_dtypes.float8_e4m3fn,
    "f8_e5m2": ml_dtypes.float8_e5m2,
    "f8_e8m0": ml_dtypes.float8_e8m0fnu,
    "f8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "f8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
}

# Every type: 0 and 1 or what comes nearest, and names that need care.
arrays = {t: np.array([[0, 1, 2]]).astype(t) for t in
          ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
           "float16", "float32", "float64"]}
arrays["bool"] = np.array([[False, True, True]])
arrays["bfloat16"] = np.array([[0, 1, 2]]).astype(ml_dtypes.bfloat16)
for name, t in small.items():
    arrays[name] = np.array([[0.5, 1, 2]]).astype(t)
arrays["block[3].größe \"n\""] = np.array(0.5)
arrays["empty"] = np.zeros((0, 3), np.float32)
save_file(arrays, "every_type.safetensors", metadata={"format": "np", "says": "a \"quote\"\n"})

# Every code of the small reals with its value; and how numbers round: to each number between codes
# and its neighbours, and to some far away.
arrays = {}
for name, t in small.items():
    codes = np.arange(256, dtype=np.uint8).view(t)
    values = codes.astype(np.float32)
    arrays[name] = codes
    arrays[name + ".value"] = values
    if name == "f8_e8m0":
        continue
    plain = np.sort(values[np.isfinite(values) & (values >= 0)]).astype(np.float64)
    middle = ((plain[1:] + plain[:-1]) / 2).astype(np.float32)
    beside = [np.nextafter(middle, np.float32(x)) for x in (0, np.inf)]
    far = np.array([0, 460, 464, 465, 480, 244, 248, 249, 57344, 61439, 61440, 61441, 65536, 1e9, 1e-9,
                    1e-40, np.inf, np.nan], np.float32)
    x = np.concatenate([middle, *beside, far])
    x = np.concatenate([x, -x])
    arrays[name + ".given"] = x
    arrays[name + ".rounded"] = x.astype(t)
save_file(arrays, "small_reals.safetensors")
save_file({}, "empty.safetensors")
