import pytest
import torch

from molweight.encoders import compute
from molweight.encoders.compute import Compute, at_least_float32, choose_compute, has_fast_bfloat16
from molweight.errors import ConfigError

CPU = torch.device("cpu")


@pytest.fixture(params=[False, True], ids=["no GPU", "GPU"])
def gpu(request, monkeypatch) -> bool:
    """Whether torch says that there is one; nothing is run on it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    return request.param


def test_auto_takes_a_gpu_where_there_is_one(gpu):
    assert choose_compute("auto", "float32").device.type == ("cuda" if gpu else "cpu")
    assert choose_compute("cpu", "float32").device == CPU


def test_cuda_is_taken_or_refused(gpu):
    if gpu:
        assert choose_compute("cuda", "float32").device.type == "cuda"
    else:
        with pytest.raises(ConfigError, match="no CUDA device is available to this torch; use --device cpu"):
            choose_compute("cuda")


@pytest.mark.parametrize("fast", [False, True])
def test_auto_precision_follows_the_processor(monkeypatch, fast):
    monkeypatch.setattr(compute, "has_fast_bfloat16", lambda device: fast)
    assert choose_compute("cpu").dtype == (torch.bfloat16 if fast else torch.float32)
    assert choose_compute("cpu", "float32").dtype == torch.float32
    assert choose_compute("cpu", "bfloat16").dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("flags", "fast"),
    [("flags : avx2 avx512f", False), ("flags : avx512f avx512_bf16", True), ("flags : amx_bf16", True)],
)
def test_fast_bfloat16_is_read_from_the_processors_flags(monkeypatch, tmp_path, flags, fast):
    (tmp_path / "cpuinfo").write_text(flags)
    monkeypatch.setattr(compute, "Path", lambda _: tmp_path / "cpuinfo")
    assert has_fast_bfloat16(CPU) is fast


def test_a_machine_is_named_by_its_processor_and_precision(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("vendor_id : A\nmodel name\t: Core i9 @ 3 GHz\nflags : avx2\n")
    monkeypatch.setattr(compute, "Path", lambda _: tmp_path / "cpuinfo")
    assert choose_compute("cpu", "float32").machine == "Core i9 @ 3 GHz, float32"
    monkeypatch.setattr(compute, "Path", lambda _: tmp_path / "missing")
    assert choose_compute("cpu", "bfloat16").machine.endswith("bfloat16")


def test_without_processor_flags_bfloat16_is_slow(monkeypatch, tmp_path):
    monkeypatch.setattr(compute, "Path", lambda _: tmp_path / "missing")
    assert has_fast_bfloat16(CPU) is False


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("tpu", "auto", "device must be auto, cpu or cuda, got 'tpu'"),
        ("cpu", "float16", "precision must be auto, float32 or bfloat16, got 'float16'"),
    ],
)
def test_what_does_not_exist_is_refused(device, precision, message):
    with pytest.raises(ConfigError, match=message):
        choose_compute(device, precision)


def test_autocast_is_what_it_says():
    x = torch.ones(2, 2)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with choose_compute("cpu", precision).autocast():
            assert (x @ x).dtype == dtype
        assert (x @ x).dtype == torch.float32


def test_a_compute_is_printed_as_a_user_would_say_it():
    assert str(Compute(CPU, torch.bfloat16)) == "cpu bfloat16"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_widened_and_no_other(given, taken):
    x = torch.ones(2, dtype=given)
    assert at_least_float32(x).dtype == taken
    assert (at_least_float32(x) is x) == (given == taken)


def test_autocast_on_a_gpu_is_off_under_transforms():
    seen = []

    def loss(x: torch.Tensor, device: str) -> torch.Tensor:
        seen.append(type(Compute(torch.device(device), torch.bfloat16).autocast()).__name__)
        return x.square()

    torch.func.grad(loss)(torch.ones(()), "cpu")
    torch.func.grad(loss)(torch.ones(()), "cuda")
    assert seen == ["autocast", "nullcontext"]
