"""The four architectures of the federated experiments, in sizes that can be chosen.

B. Büyüktaş et al., Transformer-based Federated Learning for Multi-Label Remote Sensing Image
Classification, IGARSS 2024, arXiv:2405.15405. In their published sizes three of them are
``timm:resnet50``, ``timm:convmixer_768_32`` and ``timm:poolformer_s12``; `Mixer` as it stands is
the other.
"""

import bench.base.torch_setup  # noqa: F401  # isort: skip
from timm.layers import GroupNorm1
from timm.models import convmixer, metaformer, mlp_mixer, resnet
from torch import nn


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

    PoolFormer-S12 in a fraction of its size.

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
        share: int = 8,
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
            layer_scale_init_values=1e-5,
            res_scale_init_values=None,
            use_mlp_head=False,
        )
