"""The four architectures of the federated experiments, in sizes that can be chosen.

B. Büyüktaş et al., Transformer-based Federated Learning for Multi-Label Remote Sensing Image
Classification, IGARSS 2024, arXiv:2405.15405. In their published sizes they are `ResNet50`,
`Mixer`, ``timm:convmixer_768_32`` and `PoolFormer`, with the operations and the distributions of
initial weights of the code behind the report, github.com/felix-zailskas/CV4RS. `ResNet` is a
smaller one of the same kind.
"""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import torch
from timm.layers import GroupNorm1
from timm.models import convmixer, metaformer, mlp_mixer, resnet
from torch import nn


def _kaiming(network: nn.Module) -> None:
    """Draw all convolutions and linear layers again: normal, of variance 2 over their inputs.

    K. He et al., Delving Deep into Rectifiers, ICCV 2015, arXiv:1502.01852.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)


class ResNet50(resnet.ResNet):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs].

    Every branch counts from the beginning: the last norm of a block begins with weights of one,
    where that of ``timm:resnet50`` begins with zeros.

    Args:
        in_channels: channels of an image.
        outputs: logits.
        size: height and width of an image in pixels; any.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,  # noqa: ARG002
    ) -> None:
        super().__init__(
            resnet.Bottleneck,
            (3, 4, 6, 3),
            num_classes=outputs,
            in_chans=in_channels,
            zero_init_last=False,
        )
        _kaiming(self)


class ResNet(resnet.ResNet):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs].

    Four stages of one basic block, behind a stem that sees patches of 5 x 5 px.

    Args:
        in_channels: channels of an image.
        outputs: logits.
        size: height and width of an image in pixels; any.
        width: channels of the first stage, even; they double with every next one.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,  # noqa: ARG002
        width: int = 24,
    ) -> None:
        super().__init__(
            resnet.BasicBlock,
            (1, 1, 1, 1),
            num_classes=outputs,
            in_chans=in_channels,
            stem_type="deep",
            stem_width=width // 2,
            channels=tuple(width << stage for stage in range(4)),
            zero_init_last=False,
        )
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=5, stride=5, bias=False)
        _kaiming(self)


class Mixer(mlp_mixer.MlpMixer):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs].

    Args:
        in_channels: channels of an image.
        outputs: logits.
        size: height and width of an image in pixels.
        patch: of each patch; divides ``size``.
        blocks: how many.
        width: numbers per patch.

    Raises:
        ValueError: patches don't fill the image.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,
        patch: int = 8,
        blocks: int = 8,
        width: int = 512,
    ) -> None:
        if size % patch:
            raise ValueError(f"patches of {patch} px don't fill images of {size} px")
        super().__init__(
            num_classes=outputs,
            img_size=size,
            in_chans=in_channels,
            patch_size=patch,
            num_blocks=blocks,
            embed_dim=width,
        )


class ConvMixer(convmixer.ConvMixer):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs].

    Args:
        in_channels: channels of an image.
        outputs: logits.
        size: height and width of an image in pixels; any.
        width: channels.
        depth: blocks.
        kernel: pixels of a convolution in depth.
        patch: pixels of a patch.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,  # noqa: ARG002
        width: int = 768,
        depth: int = 32,
        kernel: int = 7,
        patch: int = 7,
    ) -> None:
        super().__init__(
            width,
            depth,
            kernel_size=kernel,
            patch_size=patch,
            in_chans=in_channels,
            num_classes=outputs,
            act_layer=nn.ReLU,
        )


class PoolFormer(metaformer.MetaFormer):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs].

    PoolFormer-S12, or a fraction of its size. The map of features is normalised and then pooled;
    the classifier is given its mean, which is what MOON compares. ``timm:poolformer_s12`` pools
    first, which gives other logits with the same weights. Layers begin as PyTorch draws them, but
    for the biases of the classifier and inside blocks, which begin with zeros.

    W. Yu et al., MetaFormer is Actually What You Need for Vision, CVPR 2022, arXiv:2111.11418.

    Args:
        in_channels: channels of an image.
        outputs: logits.
        size: height and width of an image in pixels; any.
        share: by what the channels and the blocks of its four stages are divided.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,  # noqa: ARG002
        share: int = 1,
    ) -> None:
        super().__init__(
            in_chans=in_channels,
            num_classes=outputs,
            depths=tuple(max(1, blocks // share) for blocks in (2, 2, 6, 2)),
            dims=tuple(width // share for width in (64, 128, 320, 512)),
            downsample_norm=None,
            mlp_act=nn.GELU,
            mlp_bias=True,
            norm_layers=GroupNorm1,
            output_norm=GroupNorm1,
            layer_scale_init_values=1e-5,
            res_scale_init_values=None,
            use_mlp_head=False,
        )
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()
                if module.bias is not None and (".mlp." in name or name == "head.fc"):
                    nn.init.zeros_(module.bias)

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """A map [N, D, h, w] -> the mean of its norm [N, D], or the logits [N, outputs] of that."""
        x = self.head.flatten(self.head.global_pool(self.head.norm(x)))
        x = self.head.drop(x)
        return x if pre_logits else self.head.fc(x)
