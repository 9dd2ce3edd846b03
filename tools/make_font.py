"""Makes data/fonts: the few Chinese characters that labels of a training need, cut out of a free font.

    python tools/make_font.py [FONT] [--output data/fonts]

FONT is the file of Noto Sans CJK, by default where Debian's package fonts-noto-cjk puts it. The same package gives the
same bytes. Other words wanted? Add them to WORDS.
"""

import argparse
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont

from course_utils.basics.files import replacing

INSTALLED = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
FACE = "Noto Sans CJK SC"  # of the collection: characters as they are written in China
FAMILY = "Labels SC"  # a name of its own, or it would hide the whole font where that is installed
FILE = "LabelsSC-Regular.otf"
WORDS = """
训练集 验证集 测试集 数据集 损失函数 交叉熵 对数 准确率 精确率 召回率 查准率 查全率 正确率 错误率
分数 平均值 宏平均 加权 混淆矩阵 真实 预测 类别 标签 图像 图片 样本 数量 轮次 批次 步数 迭代
时间 秒 分钟 学习率 概率 置信度 阈值 校准 温度 模型 神经网络 卷积 残差 微调 迁移学习 特征 提取
层 权重 参数 梯度 优化器 过拟合 曲线 直方图 散点图 最高 最低 最佳 评估 指标 可视化 结果 比较 与
的 和 在 上 下 中 一 二 三 四 五 六 七 八 九 十 个 每 前 后 第 日 月 年 蚂蚁 蜜蜂 花
数字 手写 气温 真阳性 假阳性 真阴性 假阴性 横轴 纵轴 横坐标 纵坐标 单位 随机 种子 中文 字体 （）
，。：、％《》“”
"""


def characters() -> str:
    """All that the font holds, each once, in the order of Unicode."""
    return "".join(sorted(set(WORDS) - set(" \n")))


def cut_out(source: Path) -> TTFont:
    """A font of `characters()` alone, renamed, with its licence in it.

    Raises:
        ValueError: `source` has no face of that name, or lacks a character.
    """
    faces = {font["name"].getDebugName(1): font for font in TTCollection(source)}
    if FACE not in faces:
        raise ValueError(f"{source} holds {', '.join(faces)}, and no {FACE}. Give the file of Noto Sans CJK.")
    font = faces[FACE]
    if missing := "".join(sorted(set(characters()) - set(map(chr, font.getBestCmap())))):
        raise ValueError(f"{FACE} has no {missing}. Take it out of WORDS.")
    options = Options(name_IDs=[0, 1, 2, 3, 4, 6, 13, 14], layout_features=[], hinting=False, desubroutinize=True)
    options.drop_tables += ["BASE", "vhea", "vmtx", "VORG"]  # for writing from top to bottom
    subsetter = Subsetter(options)
    subsetter.populate(text=characters())
    subsetter.subset(font)
    for place, text in {1: FAMILY, 3: FILE, 4: FAMILY, 6: FILE.partition("-")[0]}.items():
        for platform in [(1, 0, 0), (3, 1, 0x409)]:
            font["name"].setName(text, place, *platform)
    font.recalcTimestamp = False
    return font


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("font", type=Path, nargs="?", default=INSTALLED, metavar="FONT")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[1] / "data" / "fonts")
    wanted = parser.parse_args()
    wanted.output.mkdir(parents=True, exist_ok=True)
    path = wanted.output / FILE
    with replacing(path) as file:
        cut_out(wanted.font).save(file)
    print(f"made {path}: {len(characters())} characters, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
