/**
 * RobustBench's models for CIFAR-100 whose networks mtard has: threat model, name, network, id on Google Drive, clean accuracy, accuracy
 * under AutoAttack (under corruptions) in percent, and what else a file needs, see `robustbench.ts`.
 *
 * @see RobustBench/robustbench, robustbench/model_zoo/cifar100.py for networks and ids, model_info/cifar100 for accuracies
 */
export const cifar100Models = `
Linf         Gowal2020Uncovering                      wide-resnet-70-16           16I86x2Vv_HCRKROC86G4dQKgO3Po5mT3  60.86  30.03
Linf         Gowal2020Uncovering_extra                wide-resnet-70-16           1LQBdwO2b391mg7VKcP6I0HIOpC6O83gn  69.15  36.88
Linf         Cui2020Learnable_34_20_LBGAT6            wide-resnet-34-20           1rN76st8q_32j6Uo8DI5XhcC2cwVhXBwK  62.55  30.20  eps=0.031
Linf         Cui2020Learnable_34_10_LBGAT0            wide-resnet-34-10           1RnWbGxN-A-ltsfOvulr68U6i2L8ohAJi  70.25  27.16  eps=0.031
Linf         Cui2020Learnable_34_10_LBGAT6            wide-resnet-34-10           1TfIgvW3BAkL8jL9J7AAWFSLW3SSzJ2AE  60.64  29.33  eps=0.031
Linf         Chen2020Efficient                        wide-resnet-34-10           1JEh95fvsfKireoELoVCBxOi12IPGFDUT  62.15  26.94  usual
Linf         Wu2020Adversarial                        wide-resnet-34-10           1yWGvHmrgjtd9vOpV5zVDqZmeGhCgVYq7  60.38  28.86  exact
Linf         Sehwag2021Proxy                          wide-resnet-34-10           1ejMNF2O4xkSdrjtZt2UXUeim-y9F7Req  65.93  31.15
Linf         Sitawarin2020Improving                   wide-resnet-34-10           1hbpwans776KM1SMbOxISkDx0KR0DW8EN  62.82  24.57
Linf         Hendrycks2019Using                       wide-resnet-28-10           1If3tppQsCe5dN8Vbo9ff0tjlKQTTrShd  59.23  28.42  half
Linf         Rice2020Overfitting                      preact-resnet-18-bn         1XXNZn3fZBOkD1aqNL1cvcD8zZDccyAZ6  53.83  18.95  exact
Linf         Rebuffi2021Fixing_70_16_cutmix_ddpm      wide-resnet-70-16           1-GkVLo9QaRjCJl-by67xda1ySVhYxsLV  63.56  34.64
Linf         Rebuffi2021Fixing_28_10_cutmix_ddpm      wide-resnet-28-10-deepmind  1-P7cs82Tj6UVx7Coin3tVurVKYwXWA9p  62.41  32.06
Linf         Addepalli2021Towards_PARN18              preact-resnet-18-bn         1-FwVya1sDvdFXr0_ZBoXEJW9ukGC7hPK  62.02  27.14
Linf         Addepalli2021Towards_WRN34               wide-resnet-34-10           1-9GAld_105-jWBLXL73btmfOCwAqvz7Y  65.73  30.35
Linf         Chen2021LTD_WRN34_10                     wide-resnet-34-10           1-I4NZyULdEWH46b4EaCTxuuRo4eFXsg_  64.07  30.59
Linf         Pang2022Robustness_WRN28_10              wide-resnet-28-10-deepmind  1VDDM_j5M4b6sZpt1Nnhkr8FER3kjE33M  63.66  31.08
Linf         Pang2022Robustness_WRN70_16              wide-resnet-70-16           1F3kn8KIdBVls8QuTWc3BbB83htkQeVQD  65.56  33.05
Linf         Jia2022LAS-AT_34_10                      wide-resnet-34-10           1-338K2PUf5FTwk4cbUUeTNz247GrXaMG  64.89  30.77
Linf         Jia2022LAS-AT_34_20                      wide-resnet-34-20           1WhRq01Yl1v8O3skkrGUBuySlptidc5a6  67.31  31.91
Linf         Addepalli2022Efficient_RN18              resnet-18                   1-2hnxC7lZOQDqQbum4yPbtRtTND86I5N  65.45  27.67
Linf         Addepalli2022Efficient_WRN_34_10         wide-resnet-34-10           1-3c-iniqNfiwGoGPHC3nSostnG6J9fDt  68.75  31.85
Linf         Cui2020Learnable_34_10_LBGAT9_eps_8_255  wide-resnet-34-10           1TrUAN9opXBQa24WCTVtQTY-RkXK_3dmA  62.99  31.20
Linf         Wang2023Better_WRN-28-10                 wide-resnet-28-10-deepmind  1-jOu3wKWyw0XnBCXDGR32xn8Bw9GTJgh  72.58  38.83
Linf         Wang2023Better_WRN-70-16                 wide-resnet-70-16           1-yYcT73GP13c0y9HrgtpyB3NAfkGKgjY  75.22  42.67
Linf         Cui2023Decoupled_WRN-28-10               wide-resnet-28-10-deepmind  15BwWdWbNfoarTEWWugicOVkTjh3nXH36  73.85  39.18
Linf         Cui2023Decoupled_WRN-34-10               wide-resnet-34-10           1whziIioVu5SGI1fBKyc331IfG_1MgenN  65.76  31.91
Linf         Cui2023Decoupled_WRN-34-10_autoaug       wide-resnet-34-10           18hjcLa1V3JTNUOshafLvw1ncxL2gu50M  65.93  32.52
Linf         Chen2024Data_WRN_34_10                   wide-resnet-34-10           1-N5a0Z9o-8-oIrF4_EaVFVOOPI5-D-H2  64.32  31.13
corruptions  Gowal2020Uncovering_Linf                 wide-resnet-70-16           16I86x2Vv_HCRKROC86G4dQKgO3Po5mT3  60.86  49.46
corruptions  Gowal2020Uncovering_extra_Linf           wide-resnet-70-16           1LQBdwO2b391mg7VKcP6I0HIOpC6O83gn  69.15  56.00
corruptions  Hendrycks2020AugMix_WRN                  wide-resnet-40-2            1XpFFdCdU9LcDtcyNfo6_BV1RZHKKkBVE  76.28  64.11  half
corruptions  Addepalli2021Towards_PARN18              preact-resnet-18-bn         1-FwVya1sDvdFXr0_ZBoXEJW9ukGC7hPK  62.02  51.77
corruptions  Addepalli2021Towards_WRN34               wide-resnet-34-10           1-9GAld_105-jWBLXL73btmfOCwAqvz7Y  65.73  54.88
corruptions  Modas2021PRIMEResNet18                   resnet-18                   1kcohb2tBuJHa5pGSi4nAkvK-hXPSI6Hr  77.60  68.28  stored
corruptions  Addepalli2022Efficient_WRN_34_10         wide-resnet-34-10           1-3c-iniqNfiwGoGPHC3nSostnG6J9fDt  68.75  56.95
`;

/** Its other models for CIFAR-100, and what keeps each from being a network of mtard, see `robustbench.ts`. */
export const cifar100Absent = `
Linf         Rebuffi2021Fixing_R18_ddpm                dm-preact
Linf         Rade2021Helper_R18_ddpm                   dm-preact
Linf         Debenedetti2022Light_XCiT-S12             xcit
Linf         Debenedetti2022Light_XCiT-M12             xcit
Linf         Debenedetti2022Light_XCiT-L12             xcit
Linf         Bai2023Improving_edm                      ensemble
Linf         Bai2023Improving_trades                   ensemble
Linf         Bai2024MixedNUTS                          ensemble
Linf         Amini2024MeanSparse_S-WRN-70-16           mean-sparse
corruptions  Diffenderfer2021Winning_LRR               pruned
corruptions  Diffenderfer2021Winning_LRR_CARD_Deck     ensemble
corruptions  Diffenderfer2021Winning_Binary            pruned
corruptions  Diffenderfer2021Winning_Binary_CARD_Deck  ensemble
corruptions  Hendrycks2020AugMix_ResNeXt               resnext
`;
