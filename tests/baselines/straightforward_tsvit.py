"""TSViT and its fusions written down plainly: softmax spelled out, every token of every layer."""

import torch
from torch.nn.functional import gelu, layer_norm, linear, one_hot


def norm(values, layer):
    return layer_norm(values, values.shape[-1:], layer.weight, layer.bias)


def heads(attention, tokens):
    qkv = linear(tokens, attention.to_qkv.weight).chunk(3, dim=-1)
    return [part.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for part in qkv]


def weights(queries, keys):
    return (queries @ keys.transpose(-1, -2) / keys.shape[-1] ** 0.5).softmax(dim=-1)


def joined(attention, found):
    return linear(found.transpose(1, 2).flatten(2), attention.to_out.weight, attention.to_out.bias)


def fed(feed, tokens):
    first, _, last = list(feed)[1:]
    wide = gelu(linear(norm(tokens, feed[0]), first.weight, first.bias))
    return linear(wide, last.weight, last.bias)


def layer(module, tokens):
    queries, keys, values = heads(module.attention, norm(tokens, module.norm))
    tokens = tokens + joined(module.attention, weights(queries, keys) @ values)
    return tokens + fed(module.feed, tokens)


def encoder(module, tokens):
    for one in module.layers:
        tokens = layer(one, tokens)
    return norm(tokens, module.norm)


def embedded(model, embedding, classes, pixels, days):
    """[N * places, K + T, dim] of one series."""
    count, dates, channels, height, width = pixels.shape
    p = embedding.patch
    parts = pixels.reshape(count, dates, channels, height // p, p, width // p, p)
    parts = parts.permute(0, 3, 5, 1, 4, 6, 2).reshape(-1, dates, p * p * channels)
    tokens = linear(parts, embedding.linear.weight, embedding.linear.bias)
    when = one_hot(days[..., 1], 366).float()
    when = linear(when, model.dates.weight, model.dates.bias)
    tokens = tokens + when.repeat_interleave(len(tokens) // count, dim=0)
    return torch.cat([classes.expand(len(tokens), -1, -1), tokens], dim=1)


def maps(model, count, classes):
    """Logits of class tokens [N * places, K, dim]."""
    spatial, k, dim = model.spatial, classes.shape[1], classes.shape[2]
    tokens = classes.reshape(count, -1, k, dim).transpose(1, 2).reshape(count * k, -1, dim)
    tokens = encoder(spatial.encoder, tokens + spatial.places)
    head_norm, head = spatial.head
    pixels = linear(norm(tokens, head_norm), head.weight, head.bias)
    side, p = spatial.side, spatial.patch
    if spatial.in_rows:
        return pixels.reshape(count, k, side * p, side * p)
    logits = pixels.new_empty(count, k, side * p, side * p)
    for place in range(side**2):
        row, column = divmod(place, side)
        part = pixels[:, place].reshape(count, k, p, p)
        logits[..., row * p : row * p + p, column * p : column * p + p] = part
    return logits


def tsvit(model, pixels, days):
    k = model.classes.shape[1]
    tokens = embedded(model, model.embedding, model.classes, pixels, days)
    return maps(model, len(pixels), encoder(model.temporal, tokens)[:, :k])


def each_embedded(model, series):
    pairs = zip(series.values(), model.embeddings, model.classes, strict=True)
    return [embedded(model, e, c, *pair) for pair, e, c in pairs]


def synchronized(model, series):
    k = model.classes.shape[2]
    tokens = each_embedded(model, series)
    for layers in model.layers:
        found = [layer(one, own) for one, own in zip(layers, tokens, strict=True)]
        mean = sum(own[:, :k] for own in found) / len(found)
        tokens = [torch.cat([mean, own[:, k:]], dim=1) for own in found]
    return maps(model, len(next(iter(series.values()))[0]), norm(tokens[0], model.norm)[:, :k])


def crossed(model, series, released):
    k = model.classes.shape[2]
    tokens = each_embedded(model, series)
    m = len(tokens)
    for one in model.layers:
        normed = [norm(own, one.norm) for own in tokens]
        qkv = [heads(a, own) for a, own in zip(one.attentions, normed, strict=True)]
        found = []
        for index, (_, keys, values) in enumerate(qkv):
            attention = sum(weights(qkv[n][0], keys) for n in range(m) if n != index)
            attention = attention / (m if released else m - 1)
            own = normed[index] if released else tokens[index]
            own = own + joined(one.attentions[index], attention @ values)
            found.append(own + fed(one.feeds[index], own))
        tokens = found
    ends = sum(norm(own, model.norm)[:, :k] for own in tokens) / m
    return maps(model, len(next(iter(series.values()))[0]), ends)


def concatenated(model, series):
    k, count = model.classes.shape[1], len(next(iter(series.values()))[0])
    own = [
        embedded(model, embedding, model.classes, *pair)[:, k:]
        for pair, embedding in zip(series.values(), model.embeddings, strict=True)
    ]
    classes = model.classes.expand(len(own[0]), -1, -1)
    return maps(model, count, encoder(model.temporal, torch.cat([classes, *own], dim=1))[:, :k])


def by_channel(model, series):
    """Place by place and date by date."""
    pixels = torch.cat([own for own, _ in series.values()], dim=2)
    days = next(iter(series.values()))[1]
    k, p = model.classes.shape[1], model.embedding.patch
    count, dates, channels, height, width = pixels.shape
    rows = []
    for n in range(count):
        for y in range(0, height, p):
            for x in range(0, width, p):
                part = pixels[n, :, :, y : y + p, x : x + p].reshape(dates, channels, p * p)
                tokens = linear(part, model.embedding.linear.weight, model.embedding.linear.bias)
                tokens = encoder(model.channel, tokens + model.bands).mean(dim=1)
                when = linear(
                    one_hot(days[n, :, 1], 366).float(), model.dates.weight, model.dates.bias
                )
                rows.append(torch.cat([model.classes[0], tokens + when]))
    return maps(model, count, encoder(model.temporal, torch.stack(rows))[:, :k])
