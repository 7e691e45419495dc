"""The reader of MagicBathyNet's area Agia Napa; see `bench.data.magicbathynet.magicbathynet`."""

from bench.data.magicbathynet.magicbathynet import AreaReader

_AREA = AreaReader("magicbathynet-agia-napa")

open_dataset = _AREA.open_dataset
write_sample = _AREA.write_sample
prepare = _AREA.prepare
verify = _AREA.verify
