"""The words that the lists of the help pages are made of, in each language that has help pages."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    inputs: str
    outputs: str
    example: str  # heading of the part that is written by hand
    mistakes: str
    choice: str
    between: str
    default: str
    optional: str
    apart: str  # between the parts of a kind
    item: str


WORDS = {
    "en": Words(
        "Inputs",
        "Outputs",
        "Example",
        "Common mistakes",
        "choice: {}",
        "{} to {}",
        "default {}",
        "optional",
        "; ",
        "- `{id}` ({kind}): {text}",
    ),
    "zh": Words(
        "输入",
        "输出",
        "示例",
        "常见错误",
        "选项：{}",
        "{} 至 {}",
        "默认 {}",
        "可选",
        "；",
        "- **{label}** `{id}`（{kind}）：{text}",
    ),
    "ja": Words(
        "入力",
        "出力",
        "例",
        "よくある間違い",
        "選択肢：{}",
        "{}～{}",
        "初期値 {}",
        "任意",
        "；",
        "- **{label}** `{id}`（{kind}）：{text}",
    ),
    "es": Words(
        "Entradas",
        "Salidas",
        "Ejemplo",
        "Errores frecuentes",
        "opciones: {}",
        "de {} a {}",
        "por defecto {}",
        "opcional",
        "; ",
        "- **{label}** `{id}` ({kind}): {text}",
    ),
    "fr": Words(
        "Entrées",
        "Sorties",
        "Exemple",
        "Erreurs fréquentes",
        "choix : {}",
        "de {} à {}",
        "par défaut {}",
        "facultatif",
        " ; ",
        "- **{label}** `{id}` ({kind}) : {text}",
    ),
}
