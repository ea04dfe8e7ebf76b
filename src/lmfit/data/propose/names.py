"""What the name of a column says about its role."""

import re

from lmfit.data.columns import tier_of

_WORDS = {
    "text": "text texts comment comments review content message utterance sentence question body article description "
    "headline title news tweet post string kommentar texte commentaire texto comentario testo "
    "评论 文本 内容 正文 标题 句子 留言 消息 问题 评价内容 评论内容 本文 コメント",
    "label": "label labels category intent class sentiment target polarity topic emotion rating stars score quality "
    "klasse kategorie stimmung bewertung catégorie classe categoría clase etiqueta "
    "标签 类别 分类 情感 情绪 意图 类型 极性 评分 星级 评价 主题 ラベル カテゴリ",
    "tokens": "tokens words",
    "labels": "labels tags ner entities spans",
    "id": "id idx guid uid uuid index nr no 编号 序号",
    "group": "user userid customer client account author speaker patient conversation dialogue dialog session thread "
    "document doc group kunde kunden nutzer benutzer cliente utilisateur usuario 用户 客户 作者 会话 对话 文档",
    "date": "date dates datum time timestamp created published day 日期 时间",
}
_NAMES = {role: frozenset(words.split()) for role, words in _WORDS.items()}
_PARTS = re.compile(r"[^\W\d_]+")
_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIDE = re.compile(r"[\W_]*(?:[12]|[ab])$|^[\W_]*[12]", re.IGNORECASE)
_PARTNERS = (("premise", "hypothesis"), ("question", "answer"), ("query", "document"), ("问题", "答案"))


def hint(role: str, name: str) -> int:
    """How strongly a name speaks for a role: 3 the role's own name, 2 a well-known one, 1 holds such a word, else 0."""
    tier = tier_of(role, name)
    if tier is not None:
        return 3 if tier == 0 else 2
    if name.strip().lower() in _NAMES[role]:
        return 2
    words = {word.lower() for word in _PARTS.findall(_CAPITALS.sub(" ", name).replace("_", " "))}
    return 1 if words & _NAMES[role] else 0


def are_partners(first: str, second: str) -> bool:
    """Whether two names are those of a pair: sentence1 and sentence2, text_a and text_b, premise and hypothesis."""
    if (first.lower(), second.lower()) in _PARTNERS:
        return True
    stem = _SIDE.sub("", first)
    return first != second and bool(stem) and stem != first and stem == _SIDE.sub("", second)
