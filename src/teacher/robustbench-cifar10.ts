/**
 * RobustBench's models for CIFAR-10 whose networks mtard has: threat model, name, network, id on Google Drive, clean accuracy, accuracy
 * under AutoAttack (under corruptions) in percent, and what else a file needs, see `robustbench.ts`.
 *
 * @see RobustBench/robustbench, robustbench/model_zoo/cifar10.py for networks and ids, model_info/cifar10 for accuracies
 */
export const cifar10Models = `
Linf         Carmon2019Unlabeled                        wide-resnet-28-10            15tUx-gkZMYx7BfEOw1GY5OKC-jECIsPQ  89.69  59.53
Linf         Sehwag2020Hydra                            wide-resnet-28-10            1pi8GHwAVkxVH41hEnf0IAJb_7y-Q8a2Y  88.98  57.14
Linf         Wang2020Improving                          wide-resnet-28-10            1T939mU4kXYt5bbvM55aT4fLBvRhyzjiQ  87.50  56.29
Linf         Hendrycks2019Using                         wide-resnet-28-10            1-DcJsYw2dNEOyF9epks2QS7r9nqBDEsw  87.11  54.92  half
Linf         Rice2020Overfitting                        wide-resnet-34-20            1vC_Twazji7lBjeMQvAD9uEQxi9Nx2oG-  85.34  53.42  usual
Linf         Zhang2019Theoretically                     wide-resnet-34-10            1hPz9QQwyM7QSuWu-ANG_uXR-29xtL8t_  84.92  53.08  eps=0.031
Linf         Huang2020Self                              wide-resnet-34-10            1nInDeIyZe2G-mJFxQJ3UoclQNomWjMgm  83.48  53.34  eps=0.031
Linf         Zhang2019You                               wide-resnet-34-10            1kB2qqPQ8qUNmK8VKuTOhT1X4GT46kAoA  87.20  44.83
Linf         Zhang2020Attacks                           wide-resnet-34-10            1lBVvLG6JLXJgQP2gbsTxNHl6s3YAopqk  84.52  53.51
Linf         Wu2020Adversarial_extra                    wide-resnet-28-10            1-WJWpAZLlmc4gJ8XXNf7IETjnSZzaCNp  88.25  60.04
Linf         Wu2020Adversarial                          wide-resnet-34-10            13LBcgNvhFppCFG22i1xATrahFPfMgXGf  85.36  56.17
Linf         Gowal2020Uncovering_70_16                  wide-resnet-70-16            1DVwKclibqzniE2Ss5_g6BY77ChG8QKzl  85.29  57.20
Linf         Gowal2020Uncovering_70_16_extra            wide-resnet-70-16            1GxryYj_Or-VCDca0wgiFLz4ssXSZXQoJ  91.10  65.88
Linf         Gowal2020Uncovering_34_20                  wide-resnet-34-20-deepmind   1YWvZO1u9_yNLFNC3JYd_TVkvrRSMER1O  85.64  56.86
Linf         Gowal2020Uncovering_28_10_extra            wide-resnet-28-10-deepmind   1MBAWGxiZxKt-GfqEqtLcXcd3tAxPhvV2  89.48  62.80
Linf         Sehwag2021Proxy                            wide-resnet-34-10            1QFA5fPMj2Qw4aYNG33PkFqiv_RTDWvzm  86.68  60.27
Linf         Sehwag2021Proxy_R18                        resnet-18                    1-ZgoSlD_AMhtXdnUElilxVXnzK2DcHuu  84.59  55.54
Linf         Sitawarin2020Improving                     wide-resnet-34-10            12teknvo6dQGSWBaGnbNFwFO3-Y8j2eB6  86.84  50.72
Linf         Chen2020Efficient                          wide-resnet-34-10            1c5EXpd3Kn_s6qQIbkLX3tTOOPC8VslHg  85.32  51.12  usual
Linf         Cui2020Learnable_34_20                     wide-resnet-34-20            1y7BUxPhQjNlb4w4BUlDyYJIS4w4fsGiS  88.70  53.57  eps=0.031
Linf         Cui2020Learnable_34_10                     wide-resnet-34-10            16s9pi_1QgMbFLISVvaVUiNfCzah6g2YV  88.22  52.86  eps=0.031
Linf         Zhang2020Geometry                          wide-resnet-28-10            1UoG1JhbAps1MdMc6PEFiZ2yVXl_Ii5Jk  89.36  59.64  eps=0.031
Linf         Rebuffi2021Fixing_28_10_cutmix_ddpm        wide-resnet-28-10-deepmind   1-0EChXbc6pOvx26O17av263bCeqIAz6s  87.33  60.75
Linf         Rebuffi2021Fixing_106_16_cutmix_ddpm       wide-resnet-106-16-deepmind  1-4qnkveIkeWoGdF72kpEFHETiY3y4_tF  88.50  64.64
Linf         Rebuffi2021Fixing_70_16_cutmix_ddpm        wide-resnet-70-16            1-8CWRT-OFWyrz4T4s0I2mbFjPg8K_MUi  88.54  64.25
Linf         Rebuffi2021Fixing_70_16_cutmix_extra       wide-resnet-70-16            1qKDTp6IJ1BUXZaRtbYuo_t0tuDl_4mLg  92.23  66.58
Linf         Sridhar2021Robust                          wide-resnet-28-10            1muDMpOyRlgJ7n2rhS2NpfFGp3rzjuIu0  89.46  59.66
Linf         Sridhar2021Robust_34_15                    wide-resnet-34-15            1-3ii3GX93YqIcmJ3VNsOgYA7ecdnSZ0Z  86.53  60.41
Linf         Rade2021Helper_extra                       wide-resnet-34-10-deepmind   1GhAp-0C3ONRy9BxIe0J9vKc082vHvR7t  91.47  62.83
Linf         Rade2021Helper_ddpm                        wide-resnet-28-10-deepmind   1AOF6LxnwgS5fCz_lVLYqs_wnUYuv6O7z  88.16  60.97
Linf         Addepalli2021Towards_RN18                  resnet-18                    1-1DxecXz5U_xZ54DVdE-GVm71Tiox-Ri  80.24  51.06
Linf         Addepalli2021Towards_WRN34                 wide-resnet-34-10            1-3vgjTNfSq7LSMKuayEQ-jLflAP196dB  85.32  58.04
Linf         Gowal2021Improving_70_16_ddpm_100m         wide-resnet-70-16            10qBoDG_NomJBrRFeTsSwEcJF1GA-sjC4  88.74  66.11
Linf         Gowal2021Improving_28_10_ddpm_100m         wide-resnet-28-10-deepmind   12L8YE6VBgUDKyW6GMSNefSYj2gg4LEKx  87.50  63.44
Linf         Chen2021LTD_WRN34_10                       wide-resnet-34-10            1-0RoQKYvHLNh7hZ71wJjSit1XtrJQo9D  85.21  56.94
Linf         Chen2021LTD_WRN34_20                       wide-resnet-34-20            1-5JmY9rapuGwCUc2nPvy7Rb_sn_dHhFm  86.03  57.71
Linf         Standard                                   wide-resnet-28-10            1t98aEuzeTL8P7Kpd5DIrCoCL21BNZUhC  94.78   0.00
Linf         Jia2022LAS-AT_34_10                        wide-resnet-34-10            1-3l7xKhIPyes3O4QSz0HU6L-hfOoS0xD  84.98  56.26
Linf         Jia2022LAS-AT_70_16                        wide-resnet-70-16-trades     1-4p-Gr0hjl8wq6qvvTza4x4a5Rmu-Bfr  85.66  57.61
Linf         Pang2022Robustness_WRN28_10                wide-resnet-28-10-deepmind   16ChNkterCp17BXv-xxqpfedb4u2_CjjS  88.61  61.04
Linf         Pang2022Robustness_WRN70_16                wide-resnet-70-16            1uQZYUuUiL9BzaQUeXLhjr_RhoyFRrHe3  89.01  63.35
Linf         Addepalli2022Efficient_RN18                resnet-18                    1m5vhdzIUUKhDbsZdOG9z76Eyp6f4xe_f  85.71  52.48
Linf         Addepalli2022Efficient_WRN_34_10           wide-resnet-34-10            1--dVDtZhAk4D2zMtTDwIGnImuCGxTcBA  88.71  57.81
Linf         Wang2023Better_WRN-28-10                   wide-resnet-28-10-deepmind   1-6MYKJdECDVGaWjj6GgqvaT95BGKhUvI  92.44  67.31
Linf         Wang2023Better_WRN-70-16                   wide-resnet-70-16            1-RF7ZSS-PAh6bfQcuqx4lh9bc9BUGnap  93.25  70.69
Linf         Xu2023Exploring_WRN-28-10                  wide-resnet-28-10-deepmind   1k1uJI13ft0h0dfzuEihVpBvjBXwFRH2o  93.69  63.89
Linf         Cui2023Decoupled_WRN-28-10                 wide-resnet-28-10-deepmind   1-AaTrYt23WJFR22hXgBd-i6kjpsz6Hf2  92.16  67.73
Linf         Cui2023Decoupled_WRN-34-10                 wide-resnet-34-10            1-ArD-TugRXUbH3VtM9qnzvby6NvdXNUN  85.31  57.09
Linf         Chen2024Data_WRN_34_10                     wide-resnet-34-10            1-AzyMQaoUuwxec6O_Yri5OVtVqnNgR4R  86.54  57.30
Linf         Chen2024Data_WRN_34_20                     wide-resnet-34-20            1-IbKAGtp79tAEm59N0i8QMvMZ3nxSD2-  86.10  58.09
Linf         Bartoldson2024Adversarial_WRN-94-16        wide-resnet-94-16-deepmind   1g6o9H1b6vjoBi1USdCBt64C8B8LPiioX  93.68  73.71
Linf         Bartoldson2024Adversarial_WRN-82-8         wide-resnet-82-8-deepmind    1--jl8qJh624SFqFffvg1IkYR-fZGA2Sr  93.11  71.59
L2           Rice2020Overfitting                        preact-resnet-18-bn          1jo-31utiYNBVzLM0NxUEWz0teo3Z0xa7  88.67  67.68  usual
L2           Rony2019Decoupling                         wide-resnet-28-10            1Oua2ZYSxNvoDrtlY9vTtRzyBWHziE4Uy  89.05  66.44  rounded
L2           Standard                                   wide-resnet-28-10            1t98aEuzeTL8P7Kpd5DIrCoCL21BNZUhC  94.78   0.00
L2           Wu2020Adversarial                          wide-resnet-34-10            1M5AZ0EZQt7d2AlTmsnqZcfx91-x7YEAV  88.51  73.66
L2           Gowal2020Uncovering                        wide-resnet-70-16            1QL4SNvYydjIg1uI3VP9SyNt-2kTXRisG  90.90  74.50
L2           Gowal2020Uncovering_extra                  wide-resnet-70-16            1pkZDCpCBShpAnx92n8PUeNOY1fSiTi0s  94.74  80.53
L2           Sehwag2021Proxy                            wide-resnet-34-10            1UviikNzpltVFsgMuqQ8YhpmvGczGRS4S  90.93  77.24
L2           Sehwag2021Proxy_R18                        resnet-18                    1zPjjZj9wujBNkAmHHHIikem6_aIjMhXG  89.76  74.41
L2           Rebuffi2021Fixing_70_16_cutmix_ddpm        wide-resnet-70-16            1-8ECIOYF4JB0ywxJOmhkefnv4TW-KuXp  92.41  80.42
L2           Rebuffi2021Fixing_28_10_cutmix_ddpm        wide-resnet-28-10-deepmind   1-DUKcvfDzeWwt0NK7q2XvU-dIi8up8B0  91.79  78.80
L2           Rebuffi2021Fixing_70_16_cutmix_extra       wide-resnet-70-16            1JX82BDVBNO-Ffa2J37EuB8C-aFCbz708  95.74  82.32
L2           Augustin2020Adversarial_34_10              wide-resnet-34-10            1qPsKS546mKcs71IEhzOS-kLpQFSFhaKL  92.23  76.25  exact
L2           Augustin2020Adversarial_34_10_extra        wide-resnet-34-10            1--1MFZja6C2iVWi9MgetYjnSIenRBLT-  93.96  78.79  exact
L2           Wang2023Better_WRN-28-10                   wide-resnet-28-10-deepmind   1-fwKiJXEqHHUngt8wKsNnHuD4vAPvPXC  95.16  83.68
L2           Wang2023Better_WRN-70-16                   wide-resnet-70-16            101UyURyte05tJLA9VFRBN6UDLyn-0sJw  95.54  84.97
corruptions  Rebuffi2021Fixing_70_16_cutmix_extra_Linf  wide-resnet-70-16            1qKDTp6IJ1BUXZaRtbYuo_t0tuDl_4mLg  92.23  82.82
corruptions  Rebuffi2021Fixing_70_16_cutmix_extra_L2    wide-resnet-70-16            1JX82BDVBNO-Ffa2J37EuB8C-aFCbz708  95.74  88.23
corruptions  Hendrycks2020AugMix_WRN                    wide-resnet-40-2             1wy7gSRsUZzCzj8QhmTbcnwmES_2kkNph  95.08  88.82  half
corruptions  Kireev2021Effectiveness_Gauss50percent     preact-resnet-18-bn          1zR6lwYLkO3TFSgeqvu_CMYTq_IS-eicQ  93.24  85.04  usual key=last
corruptions  Kireev2021Effectiveness_AugMixNoJSD        preact-resnet-18-bn          1p_1v1Oa-FSrjHTAq63QX4WtLYETkcbdH  94.97  86.60  usual key=last
corruptions  Kireev2021Effectiveness_RLAT               preact-resnet-18-bn          16bCDA_5Rhr6qMKHRAO5W-4nu9_10kFyF  93.10  84.10  usual key=last
corruptions  Kireev2021Effectiveness_RLATAugMixNoJSD    preact-resnet-18-bn          1hgJuvLPSVQMbUczn8qnIphONlJePsWgU  94.77  88.53  usual key=last
corruptions  Kireev2021Effectiveness_RLATAugMix         preact-resnet-18-bn          19HNTdqJiuNyqFqIarPejniJEjZ3RQ_nj  94.75  89.60  usual key=last
corruptions  Standard                                   wide-resnet-28-10            1t98aEuzeTL8P7Kpd5DIrCoCL21BNZUhC  94.78  73.46
corruptions  Addepalli2021Towards_WRN34                 wide-resnet-34-10            1-3vgjTNfSq7LSMKuayEQ-jLflAP196dB  85.32  76.78
corruptions  Modas2021PRIMEResNet18                     resnet-18                    13oDyqi16FeXy5j4Vm6IghnjTVqp_XF5U  93.06  89.05  stored
corruptions  Addepalli2022Efficient_WRN_34_10           wide-resnet-34-10            1--dVDtZhAk4D2zMtTDwIGnImuCGxTcBA  88.71  80.12
`;

/** Its other models for CIFAR-10, and what keeps each from being a network of mtard, see `robustbench.ts`. */
export const cifar10Absent = `
Linf         Andriushchenko2020Understanding           early-shortcut
Linf         Engstrom2019Robustness                    resnet-50
Linf         Chen2020Adversarial                       ensemble
Linf         Pang2020Boosting                          hypersphere
Linf         Wong2020Fast                              early-shortcut
Linf         Ding2020MMA                               own-normalisation
Linf         Sehwag2021Proxy_ResNest152                resnest
Linf         Rebuffi2021Fixing_R18_ddpm                dm-preact
Linf         Rade2021Helper_R18_extra                  dm-preact
Linf         Rade2021Helper_R18_ddpm                   dm-preact
Linf         Huang2021Exploring                        searched
Linf         Huang2021Exploring_ema                    searched
Linf         Dai2021Parameterizing                     pssilu
Linf         Gowal2021Improving_R18_ddpm_100m          dm-preact
Linf         Kang2021Stable                            sodef
Linf         Debenedetti2022Light_XCiT-S12             xcit
Linf         Debenedetti2022Light_XCiT-M12             xcit
Linf         Debenedetti2022Light_XCiT-L12             xcit
Linf         Huang2022Revisiting_WRN-A4                searched
Linf         Bai2023Improving_edm                      ensemble
Linf         Peng2023Robust                            searched
Linf         Bai2024MixedNUTS                          ensemble
Linf         Amini2024MeanSparse_Ra_WRN_70_16          mean-sparse
Linf         Amini2024MeanSparse_S-WRN-94-16           mean-sparse
L2           Augustin2020Adversarial                   resnet-50
L2           Engstrom2019Robustness                    resnet-50
L2           Ding2020MMA                               own-normalisation
L2           Rebuffi2021Fixing_R18_cutmix_ddpm         dm-preact
L2           Rade2021Helper_R18_ddpm                   dm-preact
L2           Amini2024MeanSparse_S-WRN-70-16           mean-sparse
corruptions  Diffenderfer2021Winning_LRR               pruned
corruptions  Diffenderfer2021Winning_LRR_CARD_Deck     ensemble
corruptions  Diffenderfer2021Winning_Binary            pruned
corruptions  Diffenderfer2021Winning_Binary_CARD_Deck  ensemble
corruptions  Hendrycks2020AugMix_ResNeXt               resnext
`;
