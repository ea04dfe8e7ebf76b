import pytest
import torch

from lmfit.device import Device, pick_device, seeded
from lmfit.errors import ConfigError


def test_the_cpu_is_always_there() -> None:
    device = pick_device("cpu", "fp32")
    assert (device.kind, device.precision, str(device.torch_device)) == ("cpu", "fp32", "cpu")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:x", "cpu:7", "", "cuda:99"])
def test_what_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pick_device(wanted)
    assert "--device" in str(caught.value)


def test_fp16_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match="fp16"):
        pick_device("cpu", "fp16")


def test_automatic_precision_of_a_cpu_follows_its_units(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("lmfit.device.cpu_has_bf16", lambda there=there: there)
        assert pick_device("cpu").precision == precision


def test_autocast_follows_the_precision() -> None:
    layer, x = torch.nn.Linear(4, 4), torch.ones(2, 4)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with Device("cpu", None, "cpu", precision, 1).autocast():
            assert layer(x).dtype == dtype


def test_full_precision_is_the_same_device_in_fp32() -> None:
    device = Device("cpu", None, "cpu", "bf16", 3)
    assert device.in_full_precision() == Device("cpu", None, "cpu", "fp32", 3)


def test_seeding_ends_with_the_block() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with seeded(7):
        first = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with seeded(7):
        assert torch.equal(torch.rand(3), first)
